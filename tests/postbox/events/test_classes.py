"""A class of the user's own goes out as an event and comes back the same, or says why not."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from bson import ObjectId
from pydantic.alias_generators import to_camel

from postbox import Event, InvalidMessage, decode, event
from postbox.errors import DeclarationError, InvalidPayload
from postbox.events import content_of
from postbox.testing import MemoryPostbox

TIME = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)


class Kind(Enum):
    GIFT = "gift"
    SALE = "sale"


@dataclass(frozen=True)
class Item:
    sku: str
    price: int
    parts: "list[Item]" = field(default_factory=list)


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class Placed:
    order_id: UUID
    items: list[Item]
    at: datetime
    total: Decimal
    kind: Kind
    weights: dict[str, float]
    note: str | None = None
    customer: ObjectId | int | None = None
    photo: bytes = b"\xff\x00"
    size: tuple[int, int] = (1, 2)
    channel: Literal["web", "shop"] = "web"


class ModelItem(pydantic.BaseModel):
    price: int


@event("order.placed", subject="order_id")
class PlacedModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, strict=True
    )
    order_id: UUID
    items: list[ModelItem]
    at: datetime
    total: Decimal
    kind: Kind


class StructItem(msgspec.Struct):
    price: int


@event("order.placed", subject="order_id")
class PlacedStruct(msgspec.Struct, rename="camel"):
    order_id: UUID
    items: list[StructItem]
    at: datetime
    total: Decimal
    kind: Kind
    photo: bytes
    customer: ObjectId


@event("order.placed", subject="order_id")
@pydantic.dataclasses.dataclass
class PlacedPydanticDataclass:
    order_id: int
    items: list[ModelItem]


ID = uuid4()
PLACED = Placed(ID, [Item("a", 1, [Item("b", 2)])], TIME, Decimal("1.50"), Kind.SALE, {"kg": 1.5})
EXAMPLES = [
    PLACED,
    PlacedModel(
        order_id=ID, items=[ModelItem(price=1)], at=TIME, total=Decimal("1E+30"), kind=Kind.GIFT
    ),
    PlacedStruct(ID, [StructItem(1)], TIME, Decimal("0.10"), Kind.GIFT, b"\xff", ObjectId()),
    PlacedPydanticDataclass(7, [ModelItem(price=1)]),
]


def emitted(fact: Any) -> Event:
    return MemoryPostbox(source="/services/shop").event(fact)


@pytest.mark.parametrize("fact", EXAMPLES, ids=lambda fact: type(fact).__name__)
def test_what_goes_out_comes_back_equal(fact: Any) -> None:
    out = emitted(fact)
    assert (out.type, out.subject) == ("order.placed", str(fact.order_id))
    assert decode(type(fact), out.data) == fact
    assert (fact.TYPE, fact.subject, dict(fact.data()).keys()) == (
        "order.placed",
        str(fact.order_id),
        dict(out.data).keys(),
    )


def test_names_on_the_wire_are_the_classes_own() -> None:
    names = [next(iter(emitted(fact).data)) for fact in EXAMPLES]
    assert names == ["order_id", "orderId", "orderId", "order_id"]


def test_values_on_the_wire_are_by_the_rules_of_payloads() -> None:
    for fact in EXAMPLES[:3]:
        assert emitted(fact).data["at"] == "2026-11-27T12:30:00Z"
    assert emitted(EXAMPLES[1]).data["total"] == "1" + "0" * 30
    assert emitted(EXAMPLES[0]).data["photo"] == emitted(PLACED).data["photo"] == "/wA="


@pytest.mark.parametrize(
    ("cls", "change", "problem"),
    [
        (Placed, {"items": [{"sku": "a", "price": "x"}]}, "data.items[0].price: expected a whole"),
        (Placed, {"items": [{"sku": "a"}]}, "data.items[0].price: it is missing"),
        (Placed, {"items": [PLACED.items[0].__dict__ | {"parts": [3]}]}, "data.items[0].parts[0]:"),
        (Placed, {"weights": {"kg": None}}, "data.weights.kg: expected a number, found null"),
        (Placed, {"kind": "loan"}, "data.kind: expected one of 'gift', 'sale'"),
        (Placed, {"channel": "phone"}, "data.channel: expected one of 'web', 'shop'"),
        (Placed, {"at": "2026-11-27T12:30:00"}, "data.at: expected a time of RFC 3339"),
        (Placed, {"size": [1]}, "data.size: expected an array of 2, found one of 1"),
        (Placed, {"size": [1, 2.5]}, "data.size[1]: expected a whole number"),
        (Placed, {"customer": True}, "data.customer: expected an ObjectId or a whole number"),
        (PlacedModel, {"items": [{"price": "x"}]}, "data.items[0].price: Input should be"),
        (PlacedModel, {"orderId": None, "at": 1}, "data.orderId: .* (and 1 more)"),
        (PlacedStruct, {"items": [{"price": "x"}]}, r"data.items[0].price: Expected `int`"),
        (PlacedStruct, {"customer": "x"}, "data.customer: not of ObjectId"),
        (PlacedPydanticDataclass, {"items": [{}]}, "data.items[0].price: Field required"),
    ],
)
def test_what_cannot_be_read_names_its_path(
    cls: type, change: Mapping[str, Any], problem: str
) -> None:
    (example,) = [one for one in EXAMPLES if type(one) is cls]
    before, _, after = problem.partition(".*")
    with pytest.raises(InvalidMessage) as raised:
        decode(cls, {**emitted(example).data, **change})
    assert str(raised.value).startswith(before)
    assert after in str(raised.value)


@pytest.mark.parametrize("cls", [Placed, PlacedModel, PlacedStruct])
@pytest.mark.parametrize("data", [None, [], "text", 3, {}])
def test_data_that_is_none_of_it_is_refused(cls: type, data: Any) -> None:
    with pytest.raises(InvalidMessage, match=r"^data"):
        decode(cls, data)


def test_fields_that_are_not_known_are_ignored_and_defaults_hold() -> None:
    @event("note.made", subject="of")
    @dataclass
    class Made:
        of: str
        count: int = 3
        seen: int = field(init=False, default=0)

    assert decode(Made, {"of": "x", "other": 1, "seen": 9}) == Made("x")


def test_an_error_of_its_own_checks_is_a_problem_of_the_data() -> None:
    @event("note.made", subject="of")
    @dataclass
    class Made:
        of: str

        def __post_init__(self) -> None:
            if not self.of:
                raise ValueError("of nothing")

    with pytest.raises(InvalidMessage, match=r"data: ValueError: of nothing"):
        decode(Made, {"of": ""})


def test_fields_may_have_the_names_that_a_fact_has() -> None:
    @event("mail.sent", subject="to")
    @dataclass
    class Sent:
        to: str
        subject: str
        data: str

    sent = emitted(Sent("ada", "hello", "text"))
    assert (sent.subject, sent.data["subject"], sent.data["data"]) == ("ada", "hello", "text")


class Bytes(pydantic.BaseModel):
    id: str
    photos: list[bytes]


def test_what_would_not_come_back_is_not_sent() -> None:
    with pytest.raises(InvalidPayload, match=r"data\.photos\[0\]"):
        emitted(event("a.b", subject="id")(Bytes)(id="a", photos=[b"x"]))
    struct = PlacedStruct(ID, [], TIME, Decimal("NaN"), Kind.GIFT, b"", ObjectId())
    with pytest.raises(InvalidPayload, match=r"data\.total"):
        emitted(struct)
    with pytest.raises(InvalidPayload, match="subject"):
        emitted(event("a.b", subject="id")(Bytes)(id="", photos=[]))


def _dated() -> type:
    @dataclass
    class Dated:
        order: str
        due: date

    return Dated


def _ambiguous() -> type:
    @dataclass
    class Ambiguous:
        order: str
        at: "datetime | UUID"

    return Ambiguous


class Plain:
    order = "o1"


def _with_data() -> type:
    @dataclass
    class WithData:
        order: str

        def data(self) -> None: ...

    return WithData


@pytest.mark.parametrize(
    ("make", "subject", "problem"),
    [
        (_dated, "order", r"Dated\.due: no JSON value reads back as date"),
        (_ambiguous, "order", r"Ambiguous\.at: JSON cannot tell a time of RFC 3339 from a UUID"),
        (lambda: Plain, "order", "Plain: an event is a dataclass"),
        (_with_data, "order", r"WithData\.data: @event makes it"),
        (lambda: Item, "order", "Item: it has no field 'order'"),
        (lambda: StructItem, "order", "StructItem: it has no field 'order'"),
        (lambda: ModelItem, "order", "ModelItem: it has no field 'order'"),
    ],
)
def test_a_class_that_cannot_be_an_event_is_refused_where_it_stands(
    make: Callable[[], type], subject: str, problem: str
) -> None:
    with pytest.raises(DeclarationError, match=problem):
        event("order.placed", subject=subject)(make())


@pytest.mark.parametrize("type_", ["", "x" * 256])
def test_a_type_is_a_routing_key(type_: str) -> None:
    with pytest.raises(DeclarationError, match="a type is a text of 1 to 255 bytes"):
        event(type_, subject="order")(_dated())


def test_a_class_that_is_no_event_is_not_emitted_or_read() -> None:
    @dataclass(frozen=True)
    class Derived(Placed):
        pass

    for one in (Item("a", 1), Derived(**PLACED.__dict__), "text"):
        with pytest.raises(TypeError, match="is no event: decorate it with @event"):
            content_of(one)  # type: ignore[arg-type]
    with pytest.raises(DeclarationError, match="Item is no event"):
        decode(Item, {})


def test_dataclasses_need_neither_pydantic_nor_msgspec() -> None:
    program = """
import sys
from dataclasses import dataclass
from postbox import decode, event

@event("order.placed", subject="order")
@dataclass
class Placed:
    order: str

decode(Placed, {"order": "o1"})
print({"pydantic", "msgspec"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
