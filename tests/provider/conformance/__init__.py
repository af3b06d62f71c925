"""What every payment provider's adapter must do, as one suite: `docs/providers.md` says how to run
it against another."""

from tests.provider.conformance.door import Door
from tests.provider.conformance.suite import ProviderConformance

__all__ = ["Door", "ProviderConformance"]
