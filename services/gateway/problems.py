"""What may go wrong at the gateway, beside what may at every service: by type, each with a page."""

from typing import Final

from postbox.service import HTTP_PROBLEMS, ProblemType

NO_TOKEN: Final = ProblemType(
    name="no-token",
    status=401,
    title="A token is needed",
    remedy="Send `Authorization: Bearer`, with a token that the identity provider gave out for us.",
)
TOKEN_NOT_VALID: Final = ProblemType(
    name="token-not-valid",
    status=401,
    title="The token is not valid",
    remedy="`detail` says why. Get another one from the identity provider.",
)
ANOTHER_USER: Final = ProblemType(
    name="another-user",
    status=403,
    title="The token is another user's",
    remedy="Leave the user out: it is the token's subject. Only the scope `bookings:operate` may"
    " act for others.",
)
ANOTHER_ORIGIN: Final = ProblemType(
    name="another-origin",
    status=403,
    title="A page of another origin may not do this",
    remedy="Without tokens, only the gateway's own pages and those of GATEWAY_CORS_ORIGINS may ask,"
    " and on a loopback address only by that address.",
)
NO_SUCH_BOOKING: Final = ProblemType(
    name="no-such-booking",
    status=404,
    title="No such booking",
    remedy="There is none of this intentId, or none that the caller may see.",
)
NO_SUCH_RESOURCE: Final = ProblemType(
    name="no-such-resource",
    status=404,
    title="No such resource",
    remedy="What stands in the path cannot be a resourceId: 1 to 128 printable characters, percent"
    "-encoded.",
)
KEY_NOT_VALID: Final = ProblemType(
    name="key-not-valid",
    status=400,
    title="The Idempotency-Key cannot be one",
    remedy="Send one key of 1 to 255 printable ASCII characters; a UUID will do.",
)
REUSED: Final = ProblemType(
    name="reused",
    status=422,
    title="This was used before with another request",
    remedy="`field` says what: the Idempotency-Key, or the intentId. Send the request that it was"
    " used with, or take a new one.",
)
SLOT_IN_THE_PAST: Final = ProblemType(
    name="slot-in-the-past",
    status=422,
    title="The slot is in the past",
    remedy="Choose a slot that begins later than now.",
)
TOO_MANY_REQUESTS: Final = ProblemType(
    name="too-many-requests",
    status=429,
    title="Too many requests",
    remedy="Send the same request again after the seconds that Retry-After says. RateLimit-Policy"
    " says how many are allowed, and RateLimit how many are left.",
)
TOO_MANY_STREAMS: Final = ProblemType(
    name="too-many-streams",
    status=429,
    title="Too many bookings are followed at once",
    remedy="End other streams of events first, or ask for the booking now and then.",
)
PROBLEMS: Final = (
    NO_TOKEN,
    TOKEN_NOT_VALID,
    ANOTHER_USER,
    ANOTHER_ORIGIN,
    NO_SUCH_BOOKING,
    NO_SUCH_RESOURCE,
    KEY_NOT_VALID,
    REUSED,
    SLOT_IN_THE_PAST,
    TOO_MANY_REQUESTS,
    TOO_MANY_STREAMS,
)
ALL_PROBLEMS: Final = (*HTTP_PROBLEMS, *PROBLEMS)
