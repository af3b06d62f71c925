"""`postbox unrouted`: events that no queue wanted wait, and go out once a queue wants them."""

from tests.cli.harness import TYPE, CliHarness, Ran

UNBOUND = "order.lost"


async def unrouted(harness: CliHarness, command: str, *arguments: str) -> Ran:
    return await harness.run("unrouted", command, "--exchange", harness.space.exchange, *arguments)


async def test_an_event_waits_until_its_binding_stands(harness: CliHarness) -> None:
    lost = await harness.publish(UNBOUND)
    await harness.publish(TYPE)
    await harness.holds(harness.unrouted, 1)

    ran = await unrouted(harness, "list", "--json")
    assert ran.code == 0, ran
    (letter,) = ran.json["letters"]
    assert (letter["id"], letter["type"], letter["routing_key"]) == (lost, UNBOUND, UNBOUND)

    still = await unrouted(harness, "redrive", "--all", "--yes")
    assert still.code == 0
    await harness.holds(harness.unrouted, 1)

    queue = await harness.channel.get_queue(harness.queue, ensure=False)
    await queue.bind(harness.space.exchange, UNBOUND)
    again = await unrouted(harness, "redrive", lost, "--yes", "--json")
    assert (again.code, again.json["redriven"]) == (0, 1)
    await harness.holds(harness.unrouted, 0)
    messages = await harness.pull(harness.queue, 2)
    assert messages[1].message_id == lost
    assert messages[1].routing_key == UNBOUND

    assert (await unrouted(harness, "list")).code == 1


async def test_drop_by_type(harness: CliHarness) -> None:
    await harness.publish(UNBOUND)
    kept = await harness.publish("order.other")
    await harness.holds(harness.unrouted, 2)

    ran = await unrouted(harness, "drop", "--type", UNBOUND, "--yes", "--json")

    assert (ran.code, ran.json["dropped"]) == (0, 1)
    (left,) = (await unrouted(harness, "list", "--json")).json["letters"]
    assert left["id"] == kept
