"""An event that was published is published again, by who may, as it was, and with an audit."""

from postbox.console.audit.log import COLLECTION
from tests.cli.harness import TYPE, CliHarness
from tests.console.harness import JSON, Browser


async def test_an_event_is_sent_again_to_one_queue_or_to_all(
    browser: Browser, harness: CliHarness
) -> None:
    (id_,) = await harness.add_published(1, age_s=30)
    page = f"/events/shop/{id_}"
    assert "Send again" in await browser.html(page)
    asked = await browser.html(f"/resend?source=shop&id={id_}")
    for queue, to in ((harness.queue, f"queue {harness.queue}"), ("", "exchange ")):
        begun = await browser.post("/resend", asked, source="shop", id=id_, queue=queue)
        assert begun.status_code == 303, begun.text
        entry = (await browser.json(begun.headers["location"]))["entry"]
        assert (entry["action"], entry["state"], entry["places"][0]["done"]) == (
            "resend", "done", [id_],
        )  # fmt: skip
        assert entry["to"].startswith(to)
        (message,) = await harness.pull(harness.queue, 1)
        assert (message.message_id, message.type) == (id_, TYPE)
    assert "Sent again 2×" in await browser.html(page)
    assert (await browser.json(page))["sent_again"] == 2


async def test_only_what_was_published_is_sent_and_only_to_queues_that_are_named(
    browser: Browser, harness: CliHarness
) -> None:
    (published,) = await harness.add_published(1, age_s=30)
    (pending,) = await harness.add(1)
    page = await browser.html(f"/resend?source=shop&id={published}")
    assert "Send again" not in await browser.html(f"/events/shop/{pending}")
    for status, form in (
        (409, {"source": "shop", "id": pending}),
        (409, {"source": "shop", "id": "nobody"}),
        (422, {"source": "nobody", "id": published}),
        (422, {"source": "shop", "id": published, "queue": "amq.gen-other"}),
    ):
        assert (await browser.post("/resend", page, **form)).status_code == status, form
    stranger = {"source": "shop", "id": published, "token": "0" * 64}
    refused = await browser.http.post("/resend", data=stranger, headers=JSON)
    assert refused.status_code == 403
    assert await harness.database[COLLECTION].count_documents({}) == 0
