#!/usr/bin/env bash
# Stripe's SDK 16.1 passes a request's form to httpx by the parameter `data`, which httpx 0.28 has
# deprecated for text. Where warnings are errors (pytest's `filterwarnings = error`, python -W error),
# the warning is caught as if the network had failed: APIConnectionError, and nothing is ever sent.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet stripe==16.1.0 httpx==0.28.1 anyio
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import warnings

import stripe

PARAMS = {"amount": 500, "currency": "usd"}


async def said(action: str) -> str:
    """What the SDK says of a server that hangs up, having read the request or not."""
    asked = []

    async def hang_up(reader, writer):
        asked.append(await reader.read(1))
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = stripe.StripeClient(
            "sk_test_x",
            base_addresses={"api": url},
            max_network_retries=0,
            http_client=stripe.HTTPXClient(),
        )
        with warnings.catch_warnings():
            warnings.simplefilter(action, DeprecationWarning)
            try:
                await client.v1.payment_intents.create_async(PARAMS)
            except stripe.APIConnectionError as error:
                reason = str(error).split("(Network error: ")[1].rstrip(")")
        return f"{reason}; the server saw {'a request' if any(asked) else 'nothing'}"


async def main() -> None:
    for action in ("ignore", "error"):
        told = await said(action)
        print(f"warnings={action}: {told}")
    assert told == "A DeprecationWarning was raised; the server saw nothing", told


asyncio.run(main())
PYTHON
