"""`postbox unrouted`: events that no queue wanted wait, and go out once a queue wants them."""

from tests.cli.desk import TYPE, Desk, Ran

UNBOUND = "order.lost"


async def unrouted(desk: Desk, command: str, *arguments: str) -> Ran:
    return await desk.run("unrouted", command, "--exchange", desk.space.exchange, *arguments)


async def test_an_event_waits_until_its_binding_stands(desk: Desk) -> None:
    lost = await desk.publish(UNBOUND)
    await desk.publish(TYPE)
    await desk.holds(desk.unrouted, 1)

    ran = await unrouted(desk, "list", "--json")
    assert ran.code == 0, ran
    (letter,) = ran.json["letters"]
    assert (letter["id"], letter["type"], letter["routing_key"]) == (lost, UNBOUND, UNBOUND)

    still = await unrouted(desk, "redrive", "--all", "--yes")
    assert still.code == 0
    await desk.holds(desk.unrouted, 1)

    queue = await desk.channel.get_queue(desk.queue, ensure=False)
    await queue.bind(desk.space.exchange, UNBOUND)
    again = await unrouted(desk, "redrive", lost, "--yes", "--json")
    assert (again.code, again.json["redriven"]) == (0, 1)
    await desk.holds(desk.unrouted, 0)
    messages = await desk.pull(desk.queue, 2)
    assert messages[1].message_id == lost
    assert messages[1].routing_key == UNBOUND

    assert (await unrouted(desk, "list")).code == 1


async def test_drop_by_type(desk: Desk) -> None:
    await desk.publish(UNBOUND)
    kept = await desk.publish("order.other")
    await desk.holds(desk.unrouted, 2)

    ran = await unrouted(desk, "drop", "--type", UNBOUND, "--yes", "--json")

    assert (ran.code, ran.json["dropped"]) == (0, 1)
    (left,) = (await unrouted(desk, "list", "--json")).json["letters"]
    assert left["id"] == kept
