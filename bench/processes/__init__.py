"""One, two and four processes of each program on the same queues: what it costs and what it gains.

Nothing may be lost, applied twice, or come out of the order of its subject.
"""

from bench.processes.measure import measure

__all__ = ["measure"]
