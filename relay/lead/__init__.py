"""Leading: who relays a shard, and for how long.

Guarantees one leader a shard, by leases on the database's clock, and a fair share of the shards for
each relay that is alive. Imports mark, read, publish and what all rooms share.
"""

from relay.lead.candidate import Candidate, SourceContext
from relay.lead.lag import measure
from relay.lead.members import Sharing
from relay.lead.quota import LeaderQuota

__all__ = [
    "Candidate",
    "LeaderQuota",
    "Sharing",
    "SourceContext",
    "measure",
]
