"""The pictures of docs/console.md, of a stack that `make up` keeps up, with a few bookings in it.

`python -m tests.console.pictures [--dir .local]`
"""

import argparse
import asyncio
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
from aio_pika import DeliveryMode, Message
from playwright.async_api import Browser, Page

from postbox.events import new_id
from postbox.mongo import connect
from postbox.rabbitmq import connected
from stack.info import Info
from stack.running import RunningStack
from stack.supervision.process import ROOT
from tests.console.chromium import chromium
from tests.console.harness import JSON
from tests.eventually import eventually

PICTURES: Final = ROOT / "docs" / "console"
DESK: Final = {"width": 1180, "height": 720}
PHONE: Final = {"width": 375, "height": 780}


async def main(directory: Path) -> None:
    info = RunningStack(directory).info
    async with httpx.AsyncClient(trust_env=False) as http:
        subject = await _booked(http, info)
        await _troubled(info)
        await eventually(lambda: _shows_trouble(http, info))
        PICTURES.mkdir(exist_ok=True)
        async with chromium() as browser:
            await _taken(browser, info.console.url, subject)


async def _taken(browser: Browser, url: str, subject: str) -> None:
    for name, path, size, theme in (
        ("overview", "/", DESK, "light"),
        ("map", "/map", DESK, "light"),
        ("events", "/events", DESK, "light"),
        ("flow", f"/flow?subject={subject}", DESK, "light"),
        ("flow-phone", f"/flow?subject={subject}", PHONE, "dark"),
        ("set-aside", "/set-aside", DESK, "dark"),
    ):
        options: dict[str, Any] = {"viewport": size, "color_scheme": theme}
        context = await browser.new_context(base_url=url, **options)
        page = await context.new_page()
        await page.goto(path)
        await _written(page, name)
        await context.close()


async def _written(page: Page, name: str) -> None:
    path = PICTURES / f"{name}.png"
    await page.screenshot(path=path, full_page="flow" in name)
    print(path.relative_to(ROOT), path.stat().st_size)


async def _booked(http: httpx.AsyncClient, info: Info) -> str:
    """A booking that is confirmed and then cancelled, among others; its intent."""
    intent = ""
    for user in ("ada", "grace", "mary"):
        asked = {"userId": user, "amount": 4_200}
        begun = await http.post(f"{info.gateway.url}/booking/intent", json=asked)
        intent = begun.json()["intentId"]
        at = f"{info.gateway.url}/booking/{intent}"
        currency = (await http.get(at)).json()["currency"]
        charge = {**asked, "intentId": intent, "currency": currency}
        (await http.post(f"{info.provider.url}/charges", json=charge)).raise_for_status()

        async def is_confirmed(at: str = at) -> bool:
            return bool((await http.get(at)).json()["status"] == "confirmed")

        await eventually(is_confirmed)
    (await http.post(f"{at}/cancel", json={})).raise_for_status()

    async def is_refunded() -> bool:
        payments = (await http.get(at)).json()["payments"]
        return bool(payments and payments[0]["status"] == "refunded")

    await eventually(is_refunded)
    await eventually(lambda: _is_marked(http, info, intent))
    return intent


async def _is_marked(http: httpx.AsyncClient, info: Info, intent: str) -> bool:
    """Whether the relay has marked all that it published."""
    at = f"{info.console.url}/events?subject={intent}"
    events = (await http.get(at, headers=JSON)).json()["events"]
    return all(event["state"] == "published" for event in events)


async def _troubled(info: Info) -> None:
    """Messages that no consumer can read, one that no queue wants, a row that cannot go out."""
    async with connected(info.rabbitmq.uri, name="pictures") as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("events", ensure=False)
        for type_ in ("payment.captured", "payment.captured", "booking.priced"):
            await exchange.publish(_message(type_), type_)
    host, options = info.mongo.uri.split("/?")
    async with connect(f"{host}/booking?{options}", application="pictures") as client:
        rows = client.get_default_database()["outbox"]
        data = {"items": [{"price": float("nan")}]}
        row = {"_id": new_id(), "type": "booking.priced", "subject": "offer-7", "data": data}
        await rows.insert_one(row)


def _message(type_: str) -> Message:
    id_ = new_id()
    event = {
        "specversion": "1.0",
        "id": id_,
        "type": type_,
        "source": "/elsewhere",
        "subject": "offer-7",
        "data": {"amount": -1},
    }
    return Message(
        orjson.dumps(event),
        content_type="application/cloudevents+json",
        message_id=id_,
        type=type_,
        delivery_mode=DeliveryMode.PERSISTENT,
    )


async def _shows_trouble(http: httpx.AsyncClient, info: Info) -> bool:
    answer = await http.get(info.console.url, headers=JSON)
    return len(answer.json()["troubles"]) >= 4


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, default=ROOT / ".local")
    asyncio.run(main(parser.parse_args().dir))
