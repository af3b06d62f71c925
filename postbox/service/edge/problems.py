"""How what is wrong with a request is answered: problems (RFC 9457), each of a type with a page.

A client's mistake is a 4xx that names the field; a database that is unavailable is a 503 with
`Retry-After`; a client never sees a 500 for anything it sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
import structlog
from starlette.responses import Response

from postbox.errors import TryAgain
from postbox.service.edge.limits import BODY_BYTES_MAX, LIMITS

log: Final = structlog.get_logger()
RETRY_AFTER_S: Final = 2
PROBLEM_JSON: Final = "application/problem+json"
PAGES: Final = "/problems"
UNTYPED: Final = "about:blank"


class Problem(Exception):
    """An answer in application/problem+json. `field` names what the client got wrong.

    `uri` is that of its type; by default it means no more than its status.
    """

    def __init__(
        self,
        status: int,
        title: str,
        *,
        uri: str = UNTYPED,
        field: str | None = None,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.headers = headers
        self.body: Final[dict[str, object]] = {"type": uri, "title": title, "status": status}
        if field is not None:
            self.body["field"] = field
        if detail is not None:
            self.body["detail"] = detail

    def response(self) -> Response:
        return reply(self.body, self.status, media_type=PROBLEM_JSON, headers=self.headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemType:
    """What may go wrong, told once: in every answer, on a page of its own, and in the API's docs.

    `remedy` says to the client what to do about it.
    """

    name: str
    status: int
    title: str
    remedy: str

    @property
    def uri(self) -> str:
        """Where its page is, from the root of the server that answers so."""
        return f"{PAGES}/{self.name}"

    def problem(
        self,
        *,
        field: str | None = None,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Problem:
        return Problem(
            self.status, self.title, uri=self.uri, field=field, detail=detail, headers=headers
        )


def reply(
    body: object,
    status: int = 200,
    *,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON response; times are RFC 3339 in UTC."""
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC)
    return Response(content, status, headers=headers, media_type=media_type)


def try_again(error: TryAgain) -> Response:
    """The answer where the work cannot be done now."""
    log.warning("answered 503", reason=str(error))
    return unavailable().response()


def unavailable(detail: str | None = None) -> Problem:
    """503: the same request will be accepted later."""
    return UNAVAILABLE.problem(detail=detail, headers={"Retry-After": str(RETRY_AFTER_S)})


MALFORMED_REQUEST: Final = ProblemType(
    name="malformed-request",
    status=400,
    title="This is not HTTP/1.1",
    remedy="What came cannot be read as a request. The connection is closed after this answer.",
)
BODY_ENDED_EARLY: Final = ProblemType(
    name="body-ended-early",
    status=400,
    title="The body ended early",
    remedy="Send as much as Content-Length says, or the last chunk. Nothing was done.",
)
NOT_JSON: Final = ProblemType(
    name="not-json",
    status=400,
    title="The body is not JSON",
    remedy="Send one JSON object in UTF-8 (RFC 8259); NaN and infinity are none of its numbers.",
)
REPEATED_KEY: Final = ProblemType(
    name="repeated-key",
    status=400,
    title="The same key stands twice in an object",
    remedy="Send each key once: readers of JSON disagree on which of two values counts.",
)
NOT_FOUND: Final = ProblemType(
    name="not-found",
    status=404,
    title="There is nothing at this path",
    remedy="The paths that there are stand in /openapi.json, where the service has one.",
)
METHOD_NOT_ALLOWED: Final = ProblemType(
    name="method-not-allowed",
    status=405,
    title="The path does not take this method",
    remedy="The Allow header lists those that it takes.",
)
TOO_SLOW: Final = ProblemType(
    name="too-slow",
    status=408,
    title="The request took too long to come",
    remedy=f"Send it whole within {LIMITS.request_s:g} s. Nothing was done; try again.",
)
BODY_TOO_LARGE: Final = ProblemType(
    name="body-too-large",
    status=413,
    title="The body is too large",
    remedy=f"A body may have {BODY_BYTES_MAX:,} bytes.",
)
UNSUPPORTED_BODY: Final = ProblemType(
    name="unsupported-body",
    status=415,
    title="The body is announced as something else than plain JSON",
    remedy="Send `Content-Type: application/json`, in UTF-8, and do not compress it.",
)
NOT_VALID: Final = ProblemType(
    name="not-valid",
    status=422,
    title="The request is not valid",
    remedy="`field` names the first field that is wrong, and `detail` says of each what is.",
)
HEAD_TOO_LARGE: Final = ProblemType(
    name="head-too-large",
    status=431,
    title="The head of the request is too large",
    remedy=f"The target and all header fields may have {LIMITS.head_bytes_max:,} bytes, and there"
    f" may be {LIMITS.headers_max} fields.",
)
INTERNAL_ERROR: Final = ProblemType(
    name="internal-error",
    status=500,
    title="Something went wrong here",
    remedy="A fault of ours; it is logged. Whether the request was carried out is not known: send"
    " it again with the same Idempotency-Key, where it has one.",
)
NOT_INSTALLED: Final = ProblemType(
    name="not-installed",
    status=501,
    title="A part is not installed",
    remedy="`detail` says what whoever runs the service has to install.",
)
UNAVAILABLE: Final = ProblemType(
    name="unavailable",
    status=503,
    title="Unavailable at the moment",
    remedy="Send the same request again after the seconds that Retry-After says.",
)
HTTP_PROBLEMS: Final = (
    MALFORMED_REQUEST,
    BODY_ENDED_EARLY,
    NOT_JSON,
    REPEATED_KEY,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    TOO_SLOW,
    BODY_TOO_LARGE,
    UNSUPPORTED_BODY,
    NOT_VALID,
    HEAD_TOO_LARGE,
    INTERNAL_ERROR,
    NOT_INSTALLED,
    UNAVAILABLE,
)
"""Those of every service."""
