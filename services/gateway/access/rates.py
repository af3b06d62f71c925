"""How often a caller may ask: so many requests at once, then so many a second.

Each gateway counts by itself, and remembers the callers that asked last, so its memory is bounded.
What is left is told in RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10).
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.access.caller import Access, Caller, counted_as
from services.gateway.problems import TOO_MANY_REQUESTS

CALLERS_MAX: Final = 10_000
POLICY: Final = "caller"
_TOLD: Final = "rate_limit"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a request found: whether it has to wait, how many more may come now, when all may."""

    wait_s: float
    left: int
    all_in_s: float


class Rates:
    """The generic cell rate algorithm: one time a caller, at which its requests so far are due."""

    def __init__(self, *, per_s: float, burst: int) -> None:
        self._interval_s = 1 / per_s
        self._ahead_max_s = burst / per_s
        self._due_at: OrderedDict[str, float] = OrderedDict()
        self.policy = f'"{POLICY}";q={burst};w={math.ceil(self._ahead_max_s)}'

    def count(self, caller: str, now: float) -> Allowance:
        """Count a request of `caller`; one that has to wait counts for nothing."""
        was_due_at = max(self._due_at.get(caller, now), now)
        due_at = was_due_at + self._interval_s
        if (too_early_s := due_at - now - self._ahead_max_s) > 0:
            return Allowance(too_early_s, 0, was_due_at - now)
        self._due_at[caller] = due_at
        self._due_at.move_to_end(caller)
        if len(self._due_at) > CALLERS_MAX:
            self._due_at.popitem(last=False)
        left_s = self._ahead_max_s - (due_at - now)
        return Allowance(0.0, math.floor(left_s / self._interval_s), due_at - now)


class Limited:
    """Lets each caller ask so often: by the token's subject, or by the address without a token."""

    def __init__(self, access: Access, rates: Rates) -> None:
        self.asks_for_tokens = access.asks_for_tokens
        self._access = access
        self._rates = rates

    async def caller(self, request: Request) -> Caller:
        """As the access says; Problem 429 for one who asks too often."""
        caller = await self._access.caller(request)
        found = self._rates.count(counted_as(caller, request), monotonic())
        left = f'"{POLICY}";r={found.left};t={math.ceil(found.all_in_s)}'
        told = {"RateLimit-Policy": self._rates.policy, "RateLimit": left}
        request.scope.setdefault("state", {})[_TOLD] = told
        if found.wait_s > 0:
            raise TOO_MANY_REQUESTS.problem(headers={"Retry-After": str(math.ceil(found.wait_s))})
        return caller


class RateLimitHeaders:
    """Adds to each answer what its request left to the caller, where that is counted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(scope.get("state", {}).get(_TOLD, {}))
            await send(message)

        await self._app(scope, receive, send_with_headers)
