"""Asking a program of the stack whether it can do its work."""

from typing import Final

import httpx

from postbox.embedded import Probe

PROBE_LIMIT_S: Final = 2.0


def http(url: str) -> Probe:
    """Asks `url`/readyz, which answers 200 or says what is wrong."""

    async def probe() -> str | None:
        # Loopback: neither a proxy nor a certificate has a part in it.
        async with httpx.AsyncClient(
            timeout=PROBE_LIMIT_S, trust_env=False, verify=False
        ) as client:
            try:
                reply = await client.get(f"{url}/readyz")
            except httpx.HTTPError as error:
                return f"{url}/readyz: {error!r}"
        return None if reply.status_code == httpx.codes.OK else f"{url}/readyz: {reply.text}"

    return probe
