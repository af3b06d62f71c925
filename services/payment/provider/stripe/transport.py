"""How Stripe's SDK reaches Stripe: httpx, within our bounds and under our spans.

The SDK has a client of httpx, which passes the body by a parameter that httpx has deprecated: where
warnings are errors, nothing is ever sent.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, Final

import httpx
import stripe

from postbox.telemetry import call_span
from services.payment.provider.port import CALL_TIMEOUT_S, CONNECTIONS_MAX, STEP_TIMEOUT_S

LIMITS: Final = httpx.Limits(max_connections=CONNECTIONS_MAX)


class Transport(stripe.HTTPClient):
    """One attempt a call: who asks decides when to ask again."""

    name = "httpx"

    def __init__(self) -> None:
        super().__init__()
        self._client = httpx.AsyncClient(timeout=STEP_TIMEOUT_S, limits=LIMITS)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        with call_span(method.upper(), httpx.URL(url).path) as called:
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    response = await self._client.request(
                        method, url, headers=dict(headers), content=post_data
                    )
            except (httpx.HTTPError, TimeoutError) as error:
                called.failed(type(error).__name__)
                told = f"{type(error).__name__}: {error}"
                raise stripe.APIConnectionError(told) from error  # type: ignore[no-untyped-call]
            called.answered(response.status_code)
        return response.content, response.status_code, response.headers

    def sleep_async(self, secs: float) -> Awaitable[None]:
        return asyncio.sleep(secs)

    async def close_async(self) -> None:
        await self._client.aclose()
