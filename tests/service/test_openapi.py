"""The published descriptions are valid, and the services keep to them whatever they are sent."""

import asyncio
import os
import sys

import jsonschema_rs

from stack.supervision.process import ROOT
from tests.service import described
from tests.service.booking_system import BookingSystem, fresh
from tests.service.described import SECRET
from tests.service.guarded import Guarded

SEED = 20_261_105
LIMIT_S = 90.0


async def test_the_description_is_openapi_3_1(shared_system: BookingSystem) -> None:
    document = (await shared_system.http.get(f"{shared_system.gateway}/openapi.json")).json()
    assert document["openapi"].startswith("3.1.")
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


async def test_the_payment_service_describes_its_webhook(shared_system: BookingSystem) -> None:
    document = (await shared_system.http.get(f"{shared_system.payment}/openapi.json")).json()
    assert document["openapi"].startswith("3.1.")
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        jsonschema_rs.meta.validate(schema)
    answer = await shared_system.webhook(shared_system.charge(fresh("unknown")))
    jsonschema_rs.validate(schemas["Taken"], answer.json())
    (described,) = document["paths"].values()
    refused = await shared_system.webhook(b"{}", {"content-type": "application/json"})
    assert str(refused.status_code) in described["post"]["responses"]


class TestGenerated:
    """Schemathesis, with all its checks: examples from the description, values at its limits, and
    others that violate it, by one seed."""

    async def test_requests_with_a_token(self, door: Guarded) -> None:
        header = f"Authorization: Bearer {door.issuer.token()}"
        options = ("--exclude-path-regex", "/events$", "--header", header)
        await run(door.url, *options, phases="coverage,fuzzing", examples=4)

    async def test_webhooks(self, shared_system: BookingSystem) -> None:
        """Signed ones too, of which none is ever refused, whatever its body says."""
        secret = shared_system.stack.info.payment.webhook_secret
        without = ",negative_data_rejection"
        await run(
            shared_system.payment,
            phases="fuzzing",
            examples=25,
            without=without,
            **{SECRET: secret},
        )


async def run(
    url: str, *options: str, phases: str, examples: int, without: str = "", **environment: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", *options),
        *("--checks", "all", "--exclude-checks", f"positive_data_acceptance{without}"),
        *("--phases", phases, "--max-examples", str(examples), "--seed", str(SEED)),
        *("--generation-database", "none", "--no-color"),
        cwd=ROOT,
        env={**os.environ, "SCHEMATHESIS_HOOKS": described.__name__, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert process.returncode == 0, output.decode()
    assert b"returned only 401/403" not in output, output.decode()
