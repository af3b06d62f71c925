"""The AsyncAPI document is valid by the official schema, and says what goes over the wire."""

import gzip
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import msgspec
import orjson
import pydantic
import pytest
from bson import ObjectId

from postbox import Topology, event
from postbox.asyncapi import asyncapi, event_classes
from postbox.errors import DeclarationError
from postbox.events.cloudevents import encode
from tests import asyncapi_doc
from tests.postbox.broker import event_of

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
OFFICIAL = jsonschema_rs.validator_for(
    # @asyncapi/specs 6.11.1: schemas/3.0.0-without-$id.json
    json.loads(gzip.decompress((HERE / "asyncapi-3.0.0.schema.json.gz").read_bytes()))
)
TOPOLOGY = Topology(
    exchange="shop", queues={"shop.events": ["order.*"], "mail.events": ["order.placed", "x.y"]}
)


class Line(pydantic.BaseModel):
    price: int


@event("order.placed", subject="order")
@dataclass
class Placed:
    """A customer ordered something."""

    order: UUID
    lines: list[Line]
    photo: bytes = b"\xff"


@event("order.billed", subject="order")
class Billed(msgspec.Struct, rename="camel"):
    order: str
    total_due: int


@event("order.kept", subject="order")
@dataclass
class Kept:
    order: ObjectId


EVENTS = [Placed, Billed, Kept]


def document(events: list[type] = EVENTS) -> dict[str, Any]:
    return asyncapi(TOPOLOGY, events, title="Shop", version="1.0.0")


def test_it_is_valid_by_the_official_schema() -> None:
    assert [str(error) for error in OFFICIAL.iter_errors(document())] == []
    assert list(OFFICIAL.iter_errors(document() | {"channels": {"a": {"address": 3}}}))


def test_who_gets_what_is_the_topology() -> None:
    channels = document()["channels"]
    assert channels["shop.events"]["messages"].keys() == {
        "order.billed",
        "order.kept",
        "order.placed",
    }
    assert channels["mail.events"]["messages"].keys() == {"order.placed", "x.y"}
    assert channels["order.placed"]["bindings"]["amqp"]["exchange"]["name"] == "shop"


@pytest.mark.parametrize(
    "fact",
    [Placed(UUID(int=1), [Line(price=1)]), Billed("o1", 3), Kept(ObjectId())],
    ids=lambda fact: type(fact).__name__,
)
def test_its_schemas_are_of_what_goes_over_the_wire(fact: Any) -> None:
    made = document()
    payload = made["components"]["messages"][fact.TYPE]["payload"]
    validator = jsonschema_rs.validator_for({**payload, "components": made["components"]})
    wire = orjson.loads(encode(event_of(fact)))
    validator.validate(wire)
    for name in wire["data"]:
        assert not validator.is_valid({**wire, "data": {**wire["data"], name: [3]}})


def test_two_classes_of_one_name_have_a_schema_each_or_are_refused() -> None:
    @event("line.made", subject="price")
    class Line(msgspec.Struct):
        price: str

    with pytest.raises(DeclarationError, match="int is no event: decorate it with @event"):
        document([int])
    with pytest.raises(DeclarationError, match="Line: two classes of this name"):
        document([Placed, Line])


def test_a_modules_event_classes_are_its_own() -> None:
    assert event_classes(sys.modules[__name__]) == [Billed, Kept, Placed]


def test_the_booking_systems_is_kept_and_valid() -> None:
    kept = asyncapi_doc.PAGE.read_text(encoding="utf-8")
    assert kept == asyncapi_doc.text()
    assert [str(error) for error in OFFICIAL.iter_errors(json.loads(kept))] == []


def postbox(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "postbox", "asyncapi", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_it_and_finds_drift(tmp_path: Path) -> None:
    here = "tests.postbox.asyncapi.test_document"
    printed = postbox(f"{here}:TOPOLOGY", here, "--title", "Shop")
    assert (printed.returncode, json.loads(printed.stdout)) == (0, document())
    page = tmp_path / "asyncapi.json"
    page.write_text(printed.stdout)
    assert (
        postbox(f"{here}:TOPOLOGY", here, "--title", "Shop", "--check", str(page)).returncode == 0
    )
    stale = postbox(f"{here}:TOPOLOGY", here, "--title", "Store", "--check", str(page))
    assert (stale.returncode, stale.stderr) == (1, f"{page} is out of date\n")
    assert postbox(f"{here}:EVENTS", here).returncode == 2
