"""Names by OpenTelemetry's semantic conventions; batches linked; nothing traced that is no flow."""

import pytest
import pytest_asyncio
from opentelemetry.semconv._incubating.attributes import (
    db_attributes,
    http_attributes,
    messaging_attributes,
    net_attributes,
)
from opentelemetry.semconv.attributes import error_attributes, url_attributes

from scenarios.tracing.otlp import Span
from tests.eventually import eventually
from tests.tracing.traced_system import PRICE, Customer, TracedSystem
from tests.tracing.trees import AMOUNT_MISMATCH

CONVENTIONS = {
    value
    for module in (
        db_attributes,
        error_attributes,
        http_attributes,
        messaging_attributes,
        net_attributes,
        url_attributes,
    )
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}
OUR_OWN = {"booking.decision", "postbox.redelivered", "postbox.dead.reason", "postbox.waited_ms"}
ROOTS = {
    "POST /booking/intent",
    "POST /payment/captured",
    "GET /booking/{intentId}",
    "commit batch",
    "commit group",
}
CAPTURED = "payment.captured"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def spans(shared_system: TracedSystem) -> list[Span]:
    """Those of one flow, with a refund in it."""
    customer = Customer()
    await shared_system.pay(customer, await shared_system.book(customer), amount=PRICE - 1)
    await shared_system.becomes(customer, "failed")
    return await shared_system.tree(customer, AMOUNT_MISMATCH)


def test_attributes_have_the_names_of_the_conventions(
    shared_system: TracedSystem, spans: list[Span]
) -> None:
    used = {name for span in shared_system.receiver.spans for name in span.attributes}
    assert used - OUR_OWN - CONVENTIONS == set()


@pytest.mark.parametrize(
    ("service", "verb", "kind", "operation", "destination"),
    [
        ("payment", "create", "producer", "create", None),
        ("relay", "publish", "producer", "send", "events"),
        ("booking", "process", "consumer", "process", "booking.events"),
    ],
)
def test_messaging_spans(
    spans: list[Span], service: str, verb: str, kind: str, operation: str, destination: str | None
) -> None:
    about = [one for one in spans if one.name.endswith(f" {CAPTURED}")]
    (span,) = (one for one in about if (one.service, one.name) == (service, f"{verb} {CAPTURED}"))
    assert span.kind == kind
    assert span.attributes["messaging.system"] == "rabbitmq"
    assert span.attributes["messaging.operation.name"] == verb
    assert span.attributes["messaging.operation.type"] == operation
    assert span.attributes.get("messaging.destination.name") == destination
    ids = {one.attributes["messaging.message.id"] for one in about}
    assert ids == {span.attributes["messaging.message.id"]}, "one id all the way"


@pytest.mark.parametrize(
    ("name", "kind", "method", "path", "status"),
    [
        ("POST /booking/intent", "server", "POST", "/booking/intent", 202),
        ("POST /payment/captured", "server", "POST", "/payment/captured", 202),
        ("POST /refunds", "client", "POST", "/refunds", 201),
    ],
)
def test_http_spans(
    spans: list[Span], name: str, kind: str, method: str, path: str, status: int
) -> None:
    span = next(one for one in spans if one.name == name)  # a webhook comes for the refund too
    assert span.kind == kind
    assert span.attributes["http.request.method"] == method
    assert span.attributes["url.path"] == path
    assert span.attributes["http.response.status_code"] == status
    if kind == "server":
        assert span.attributes["http.route"] == path


async def test_a_transaction_is_linked_to_every_message_and_request_in_it(
    shared_system: TracedSystem, spans: list[Span]
) -> None:
    async def committed() -> set[str]:
        linked = {
            span_id
            for span in shared_system.receiver.spans
            if span.name in ("commit batch", "commit group")
            for _, span_id in span.links
        }
        expected = {one.span_id for one in spans if one.kind in ("consumer", "server")}
        assert expected <= linked
        return linked

    await eventually(committed)


async def test_only_flows_and_their_transactions_are_traced(
    shared_system: TracedSystem, spans: list[Span]
) -> None:
    """No change stream, poll, heartbeat or checkpoint: each would begin a trace of its own."""

    async def exported() -> list[Span]:
        commits = [
            one for one in shared_system.receiver.spans if one.name.endswith(".commitTransaction")
        ]
        assert commits, "the database is traced"
        return list(shared_system.receiver.spans)

    everything = await eventually(exported)
    assert {one.name for one in everything if one.parent_id is None} - ROOTS == set()
    commands = {one.name.partition(".")[2] for one in everything if "db.system" in one.attributes}
    assert commands.isdisjoint({"getMore", "hello", "ping", "listCollections"})
    assert not [one for one in everything if one.service == "relay" and one.kind != "producer"]
