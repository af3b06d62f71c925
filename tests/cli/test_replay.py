"""`postbox relay replay`: what was published goes out again, as it was, and nothing else."""

import orjson

from stack.servers.ports import LOOPBACK, free_port
from tests.cli.harness import TYPE, CliHarness, Ran, headers


async def replay(harness: CliHarness, *arguments: str, answer: str = "", **variables: str) -> Ran:
    base = ("relay", "replay", "--exchange", harness.space.exchange)
    return await harness.run(*base, *arguments, answer=answer, **variables)


async def test_what_was_published_since_then_is_published_again_in_order(
    harness: CliHarness,
) -> None:
    await harness.add_published(3, age_s=7200)
    first = await harness.add_published(700, age_s=600)
    second = await harness.add_published(1, age_s=300, tracestate="a=b")
    await harness.add(1)
    await harness.add_parked("too long")

    ran = await replay(harness, "--from", "1h", "--yes", "--json")

    assert (ran.code, ran.json) == (0, {"published": {"shop": 701}}), ran
    messages = await harness.pull(harness.queue, 701)
    assert {message.message_id for message in messages[:700]} == set(first)
    last = messages[-1]
    assert last.message_id == second[0]
    assert headers(last) == {"traceparent": f"00-{1:032x}-{1:016x}-01", "tracestate": "a=b"}
    assert last.delivery_mode == 2
    body = orjson.loads(last.body)
    assert (body["id"], body["type"], body["data"]) == (second[0], TYPE, {"n": 0})
    assert await harness.rows.count_documents({"state": "published"}) == 704


async def test_only_some_types_and_only_until_then(harness: CliHarness) -> None:
    await harness.add_published(1, age_s=60)
    await harness.add_published(1, age_s=600, type=f"{TYPE}.other")
    (wanted,) = await harness.add_published(1, age_s=600)

    ran = await replay(harness, "--from", "1h", "--to", "5m", "--type", TYPE, "--yes")

    assert (ran.code, ran.out) == (0, "published 1 events again\n")
    (message,) = await harness.pull(harness.queue, 1)
    assert message.message_id == wanted


async def test_it_says_what_it_will_do_and_asks(harness: CliHarness) -> None:
    await harness.add_published(2, age_s=60)

    for answer in ("n\n", ""):
        ran = await replay(harness, "--from", "1h", answer=answer)
        assert ran.code == 1
        assert "shop: 2 from " in ran.err
    await harness.holds(harness.queue, 0)

    assert (await replay(harness, "--from", "1h", answer="y\n")).code == 0
    await harness.holds(harness.queue, 2)


async def test_nothing_matched_wrong_time_and_a_broker_that_is_away(harness: CliHarness) -> None:
    await harness.add_published(1, age_s=600)

    nothing = await replay(harness, "--from", "2026-01-01", "--to", "2026-01-02T00:00Z", "--json")
    assert (nothing.code, nothing.json) == (1, {"published": {"shop": 0}})

    wrong = await replay(harness, "--from", "yesterday")
    assert wrong.code == 2
    assert "'yesterday' is no time" in wrong.err

    away = f"amqp://guest:guest@{LOOPBACK}:{free_port()}/"
    ran = await replay(harness, "--from", "1h", "--yes", RABBITMQ_URI=away)
    assert ran.code == 3
    assert "go on with --from" in ran.err

    no_exchange = await harness.run(
        "relay", "replay", "--exchange", "nowhere", "--from", "1h", "-y"
    )
    assert no_exchange.code == 3
    assert "'nowhere'" in no_exchange.err

    assert (await replay(harness, "--from", "1h", "-y", RABBITMQ_URI="http://x")).code == 2
