"""`postbox dead`: dead letters are shown, sent again and dropped, and none is lost on the way."""

import signal

import pytest

from postbox.rabbitmq import Outgoing, Publisher, raw_channel
from stack.servers.ports import LOOPBACK, free_port
from tests.cli.harness import TYPE, CliHarness, headers, postbox


async def test_list_shows_the_letters_and_leaves_them_there(harness: CliHarness) -> None:
    first = await harness.set_aside("invalid")
    second = await harness.set_aside("handler_failed", type_=f"{TYPE}.other")

    for name in (harness.queue, harness.dead, f"{harness.queue}={harness.dead}"):
        ran = await harness.run("dead", "list", "--json", "--queue", name)
        assert ran.code == 0, ran
        letters = ran.json["letters"]
        assert [letter["id"] for letter in letters] == [first, second]
        assert letters[0]["reason"] == "invalid"
        assert letters[0]["error"] == "it was no good"
        assert (letters[0]["origin"], letters[0]["subject"]) == (harness.queue, "s1")
        assert ran.json["unseen"] == 0
        assert await harness.count(harness.dead) == 2

    one = (await harness.run("dead", "list", "--json", "--limit", "1")).json
    assert (len(one["letters"]), one["unseen"]) == (1, 1)
    for narrowed in (("--reason", "handler_failed"), ("--type", f"{TYPE}.other")):
        letters = (await harness.run("dead", "list", "--json", *narrowed)).json["letters"]
        assert [letter["id"] for letter in letters] == [second]
    table = await harness.run("dead", "list")
    assert first in table.out
    assert "it was no good" in table.out
    assert (await harness.run("dead", "list", "--reason", "nothing")).code == 1


async def test_a_queue_that_is_longer_than_a_window_is_read_to_its_end(
    harness: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postbox.operations.dead_letters.WINDOW", 2)
    ids = [await harness.set_aside() for _ in range(5)]
    await harness.holds(harness.dead, 5)

    listed = (await harness.run("dead", "list", "--json")).json
    assert [letter["id"] for letter in listed["letters"]] == ids
    some = (await harness.run("dead", "list", "--json", "--limit", "3")).json
    assert (len(some["letters"]), some["unseen"]) == (3, 2)
    await harness.holds(harness.dead, 5)
    ran = await harness.run("dead", "redrive", "--all", "--yes", "--json")
    assert ran.json["redriven"] == 5
    await harness.holds(harness.queue, 5)


async def test_show_prints_a_letter_whole(harness: CliHarness) -> None:
    await harness.set_aside()
    wanted = await harness.set_aside()

    ran = await harness.run("dead", "show", wanted)

    assert ran.code == 0
    assert ran.json["id"] == wanted
    assert ran.json["body"]["data"] == {"n": 1}
    assert ran.json["headers"]["x-postbox-reason"] == "invalid"
    assert (await harness.run("dead", "show", "nobody")).code == 1


async def test_redrive_one_sends_it_again_as_it_was(harness: CliHarness) -> None:
    other = await harness.set_aside()
    wanted = await harness.set_aside()

    ran = await harness.run("dead", "redrive", wanted, "--yes", "--json")

    assert ran.code == 0, ran
    assert ran.json == {"matched": 1, "redriven": 1, "queues": {harness.dead: 1}}
    (message,) = await harness.pull(harness.queue, 1)
    assert (message.message_id, message.type) == (wanted, TYPE)
    assert headers(message) == {
        "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        "x-postbox-routing-key": TYPE,
    }
    assert message.delivery_mode == 2
    (left,) = (await harness.run("dead", "list", "--json")).json["letters"]
    assert left["id"] == other


async def test_redrive_some_then_all(harness: CliHarness) -> None:
    for reason in ("invalid", "handler_failed", "handler_failed"):
        await harness.set_aside(reason)

    some = await harness.run("dead", "redrive", "--reason", "handler_failed", answer="y\n")
    assert (some.code, some.out) == (0, "redriven 2 of 2\n")
    assert f"2 of {harness.dead}: {TYPE}, handler_failed" in some.err
    await harness.holds(harness.queue, 2)

    assert (await harness.run("dead", "redrive", "--all", "--yes")).code == 0
    await harness.holds(harness.queue, 3)
    await harness.holds(harness.dead, 0)
    nothing = await harness.run("dead", "redrive", "--all", "--yes", "--json")
    assert (nothing.code, nothing.json["redriven"]) == (1, 0)


async def test_what_the_broker_itself_set_aside_is_redriven_too(harness: CliHarness) -> None:
    id_ = await harness.publish(TYPE)
    await harness.holds(harness.queue, 1)
    queue = await harness.channel.get_queue(harness.queue, ensure=False)
    await (await queue.get()).reject(requeue=False)
    await harness.holds(harness.dead, 1)

    (letter,) = (await harness.run("dead", "list", "--json")).json["letters"]
    assert (letter["id"], letter["reason"], letter["origin"]) == (id_, "rejected", harness.queue)
    assert letter["at"] is not None

    assert (await harness.run("dead", "redrive", id_, "--yes")).code == 0
    (message,) = await harness.pull(harness.queue, 1)
    assert headers(message) == {"x-postbox-routing-key": TYPE}


async def test_a_letter_without_an_id_or_sense_can_be_named_too(harness: CliHarness) -> None:
    message = Outgoing(
        exchange="",
        routing_key=harness.dead,
        message_id="",
        body=b"\xff",
        content_type="text/plain",
    )
    await Publisher(await raw_channel(harness.channel)).publish(message, timeout_s=5)

    (letter,) = (await harness.run("dead", "list", "--json")).json["letters"]
    assert letter["id"].startswith("sha256:")
    assert (await harness.run("dead", "show", letter["id"])).json["body"] == "\\xff"
    assert (await harness.run("dead", "drop", letter["id"], "--yes")).code == 0
    await harness.holds(harness.dead, 0)


async def test_a_crash_between_publish_and_acknowledgement_repeats_and_loses_nothing(
    harness: CliHarness,
) -> None:
    """Goal: a redrive that dies half-way loses no letter.

    Method: kill it at the second letter, right after its confirm; redrive what is left.
    """
    ids = [await harness.set_aside() for _ in range(3)]

    ran = await postbox(
        *("dead", "redrive", "--all", "--yes"),
        **harness.variables,
        CRASH_AT="redrive.published:2",
    )

    assert ran.code == -signal.SIGKILL, ran
    await harness.holds(harness.queue, 2)
    await harness.holds(harness.dead, 2)
    assert (await harness.run("dead", "redrive", "--all", "--yes")).code == 0
    arrived = [str(message.message_id) for message in await harness.pull(harness.queue, 4)]
    assert sorted(arrived) == sorted([*ids, ids[1]])
    await harness.holds(harness.dead, 0)


async def test_a_letter_whose_queue_is_gone_stays(harness: CliHarness) -> None:
    await harness.set_aside()
    await harness.channel.queue_delete(harness.queue)

    ran = await harness.run("dead", "redrive", "--all", "--yes")

    assert ran.code == 3
    assert f"{harness.queue}: returned" in ran.err
    assert "redriven 0 before that; the others are still there" in ran.err
    await harness.holds(harness.dead, 1)


async def test_drop_deletes_what_was_agreed_to_and_no_more(harness: CliHarness) -> None:
    await harness.set_aside("malformed")
    kept = await harness.set_aside("invalid")

    refused = await harness.run("dead", "drop", "--reason", "malformed", answer="n\n")
    assert refused.code == 1
    assert "forever" in refused.err
    await harness.holds(harness.dead, 2)

    ran = await harness.run("dead", "drop", "--reason", "malformed", "--yes", "--json")
    assert (ran.code, ran.json["dropped"]) == (0, 1)
    (left,) = (await harness.run("dead", "list", "--json")).json["letters"]
    assert left["id"] == kept
    await harness.holds(harness.queue, 0)


async def test_usage_and_a_broker_that_is_away(harness: CliHarness) -> None:
    missing = await harness.run("dead", "list", "--queue", "no.such.queue")
    assert missing.code == 2
    assert "no.such.queue.dead" in missing.err

    unnamed = await harness.run("dead", "list", DEAD_QUEUES="")
    assert unnamed.code == 2
    assert "DEAD_QUEUES" in unnamed.err

    assert (await harness.run("dead", "drop", "--yes")).code == 2
    assert (await harness.run("dead", "list", RABBITMQ_URI="")).code == 2

    away = f"amqp://guest:guest@{LOOPBACK}:{free_port()}/"
    ran = await harness.run("dead", "list", RABBITMQ_URI=away)
    assert ran.code == 3
    assert "connecting to RabbitMQ" in ran.err
