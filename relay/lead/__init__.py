"""relay.lead"""

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
