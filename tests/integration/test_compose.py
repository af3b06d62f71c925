"""deploy/compose.yaml itself: brought up, used, hurt, brought down; and who may do what in it."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest

from deploy.compose import FILE, Project
from deploy.images import Images
from deploy.shell import attempt, run
from stack.servers.ports import LOOPBACK, free_port
from tests.eventually import eventually

READY_LIMIT_S: Final = 60.0
CONFIRM_LIMIT_S: Final = 30.0
ALLOWED: Final = "allowed"
DENIED: Final = "DENIED"
PUBLISHED: Final = ("GATEWAY_PUBLISHED", "PAYMENT_PUBLISHED", "RABBITMQ_CONSOLE_PUBLISHED")

# These run inside a program's container, with the addresses and passwords that it has. Each takes
# lines of questions and prints a line for each: allowed, DENIED, or what else went wrong.
ASK_MONGO: Final = """
import os, re, sys, pymongo
from pymongo.errors import OperationFailure
sources = re.search(r"booking=([^,]*,[^,]*,[^,]*)", os.environ.get("RELAY_SOURCES", ""))
uri = sources[1] if sources else os.environ["MONGO_URI"]
client = pymongo.MongoClient(uri)
for question in sys.argv[1:]:
    does, place = question.split()
    rows = client.get_database(place.split(".")[0])[place.split(".")[1]]
    try:
        if does == "find": rows.find_one()
        if does == "insert": rows.insert_one({})
        if does == "delete": rows.delete_one({"_id": 0})
        if does == "update": rows.update_one({"_id": 0}, {"$set": {"a": 1}})
        print("allowed")
    except OperationFailure as error:
        print("DENIED" if error.code == 13 else error)
"""
ASK_RABBITMQ: Final = """
import asyncio, os, sys, aio_pika
async def ask(connection, does, name):
    channel = await connection.channel()
    try:
        if does == "read":
            await (await channel.get_queue(name, ensure=False)).get(fail=False)
        else:
            exchange = await channel.get_exchange(name, ensure=False)
            await exchange.publish(aio_pika.Message(b""), "nowhere", mandatory=False)
        return "allowed"
    except aio_pika.exceptions.ChannelClosed as error:
        return "DENIED" if "ACCESS_REFUSED" in str(error) else error
async def main():
    async with await aio_pika.connect(os.environ["RABBITMQ_URI"]) as connection:
        for question in sys.argv[1:]:
            print(await ask(connection, *question.split()))
asyncio.run(main())
"""


@pytest.fixture(scope="module")
async def project(
    images: Images, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Project]:
    project = Project(
        name=f"postbox-test-{secrets.token_hex(3)}",
        environment=tmp_path_factory.mktemp("compose") / "env",
        settings={name: str(free_port()) for name in PUBLISHED},
    )
    try:
        await asyncio.to_thread(project.up, images)
        yield project
    finally:
        await asyncio.to_thread(project.down, volumes=True)
        left = [_left(kind, project.name) for kind in ("container", "network", "volume")]
        assert left == ["", "", ""], left


async def test_a_booking_is_confirmed_although_its_service_is_killed(project: Project) -> None:
    """Goal: the composed system works, and its restart policy brings back what dies."""
    await _confirmed(project, "before")
    booking = await _container(project, "booking")
    # Everything but the first process, which the restart policy's own doing has to end.
    await _docker("exec", booking, "python3", "-c", "import os; os.kill(-1, 9)")
    await _confirmed(project, "after")
    restarts = await _docker("inspect", "--format", "{{.RestartCount}}", booking)
    assert restarts == "1"


async def test_it_comes_up_again_on_what_is_there(project: Project, images: Images) -> None:
    await _confirmed(project, "earlier")
    await asyncio.to_thread(project.down)
    await asyncio.to_thread(project.up, images)
    view = await eventually(lambda: _view(project, "earlier"), limit_s=READY_LIMIT_S)
    assert view
    assert view["status"] == "confirmed"
    await _confirmed(project, "later")


@pytest.mark.parametrize(
    ("program", "script", "answers"),
    [
        (
            "booking",
            ASK_MONGO,
            {
                "find booking.bookings": ALLOWED,
                "find gateway.intents": DENIED,
                "insert payment.payments": DENIED,
            },
        ),
        (
            "relay",
            ASK_MONGO,
            {
                "find booking.outbox": ALLOWED,
                "update payment.outbox": ALLOWED,
                "insert booking.outbox": DENIED,
                "delete booking.outbox": DENIED,
                "find booking.bookings": DENIED,
                "update payment.payments": DENIED,
            },
        ),
        (
            "payment",
            ASK_RABBITMQ,
            {
                "read payment.events.dead": ALLOWED,
                "read booking.events": DENIED,
                "read gateway.events.dead": DENIED,
                "publish events": DENIED,
                "publish events.dead": ALLOWED,
            },
        ),
        (
            "relay",
            ASK_RABBITMQ,
            {
                "publish events": ALLOWED,
                "publish events.dead": DENIED,
                "read booking.events": DENIED,
            },
        ),
    ],
)
async def test_who_may_do_what(
    project: Project, program: str, script: str, answers: dict[str, str]
) -> None:
    container = await _container(project, program)
    said = await _docker("exec", container, "python3", "-c", script, *answers)
    assert dict(zip(answers, said.splitlines(), strict=True)) == answers


async def test_only_what_has_to_be_is_published_and_on_loopback_alone(project: Project) -> None:
    found = await _docker(
        *("ps", "--filter", f"label=com.docker.compose.project={project.name}"),
        *("--format", "{{.Names}}"),
    )
    ports: dict[str, list[str]] = {}
    for name in found.split():
        bound = json.loads(
            await _docker("inspect", "--format", "{{json .NetworkSettings.Ports}}", name)
        )
        for inside, outside in bound.items():
            ports.setdefault(inside, []).extend(one["HostIp"] for one in outside or ())
    published = {inside: addresses for inside, addresses in ports.items() if addresses}
    assert published == {name: [LOOPBACK] for name in ("3000/tcp", "3002/tcp", "15672/tcp")}


def test_the_file_holds_no_secret() -> None:
    text = FILE.read_text()
    assigned = [line for line in text.splitlines() if "PASSWORD:" in line or "SECRET:" in line]
    assert assigned
    assert all("${" in line for line in assigned)


async def _confirmed(project: Project, intent: str) -> None:
    """Books, paying by card, which needs all four programs and the provider."""
    body = {"intentId": intent, "userId": "ada", "amount": 4_200, "paymentMethod": "card"}

    async def accepted() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            try:
                reply = await http.post(f"{_gateway(project)}/booking/intent", json=body)
            except httpx.HTTPError:
                return False
        assert reply.status_code in (202, 503), reply.text
        return reply.status_code == 202

    async def confirmed() -> bool:
        view = await _view(project, intent)
        return view is not None and view["status"] == "confirmed"

    await eventually(accepted, limit_s=READY_LIMIT_S, every_s=0.2)
    await eventually(confirmed, limit_s=CONFIRM_LIMIT_S, every_s=0.2)


async def _view(project: Project, intent: str) -> dict[str, object] | None:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        try:
            reply = await http.get(f"{_gateway(project)}/booking/{intent}")
        except httpx.HTTPError:
            return None
    view: dict[str, object] | None = reply.json() if reply.is_success else None
    return view


def _gateway(project: Project) -> str:
    return f"http://{LOOPBACK}:{project.settings['GATEWAY_PUBLISHED']}"


async def _container(project: Project, service: str) -> str:
    return await asyncio.to_thread(project.run, "ps", "--quiet", service)


async def _docker(*words: str) -> str:
    return await asyncio.to_thread(run, ["docker", *words], why="docker", limit_s=60.0)


def _left(kind: str, project: str) -> str:
    label = f"label=com.docker.compose.project={project}"
    everything = ["--all"] if kind == "container" else []
    done = attempt(["docker", kind, "ls", "--quiet", *everything, "--filter", label])
    return done.stdout.decode().strip()
