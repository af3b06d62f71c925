"""Leading: who relays a shard, and for how long.

Guarantees one leader a shard, by leases on the database's clock, and a fair share of the shards for
each relay that is alive. Imports mark, read, publish and the relay's base files.
"""

from relay.lead.candidate import Candidate
from relay.lead.lag import measure
from relay.lead.quota import LeaderQuota
from relay.lead.rebalancer import Rebalancer

__all__ = [
    "Candidate",
    "LeaderQuota",
    "Rebalancer",
    "measure",
]
