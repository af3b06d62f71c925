"""The published description is valid, and the gateway keeps to it whatever it is sent."""

import asyncio
import sys

import jsonschema_rs

from stack.supervision.process import ROOT
from tests.service.booking_system import BookingSystem

EXAMPLES = 60
SEED = 20_261_105
LIMIT_S = 45.0
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)


async def test_the_description_is_openapi_3_1_and_there_is_a_page(city: BookingSystem) -> None:
    document = (await city.http.get(f"{city.gateway}/openapi.json")).json()
    assert document["openapi"].startswith("3.1.")
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    page = await city.http.get(f"{city.gateway}/docs")
    assert page.status_code == 200
    for path in document["paths"]:
        assert path in page.text


async def test_generated_requests_get_what_the_description_says(city: BookingSystem) -> None:
    """Schemathesis: examples from the description, and others that violate it, by one seed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{city.gateway}/openapi.json"),
        *("--exclude-path-regex", "/events$"),
        *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--no-color"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert process.returncode == 0, output.decode()
