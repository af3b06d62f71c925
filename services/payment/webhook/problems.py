"""What may go wrong with a webhook, beside what may with every request: by type, with a page."""

from typing import Final

from postbox.service import HTTP_PROBLEMS, ProblemType

NOT_SIGNED: Final = ProblemType(
    name="not-signed",
    status=401,
    title="The webhook is not signed",
    remedy="Sign it as the provider does. `field` names the header that is missing.",
)
SIGNATURE_DOES_NOT_HOLD: Final = ProblemType(
    name="signature-does-not-hold",
    status=401,
    title="The webhook's signature does not hold",
    remedy="It is by no secret that we share, of another body, or of a time more than five minutes"
    " from ours.",
)
PROBLEMS: Final = (NOT_SIGNED, SIGNATURE_DOES_NOT_HOLD)
ALL_PROBLEMS: Final = (*HTTP_PROBLEMS, *PROBLEMS)
