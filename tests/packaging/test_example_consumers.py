"""The consumers among the examples run where their README's `pip install` is all there is."""

import asyncio
import shlex
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import dropwhile
from pathlib import Path

import pytest

from postbox.mongo import Client, own_database
from stack.servers.rabbitmq import RabbitMQ
from tests.eventually import eventually
from tests.examples.programs import EXAMPLES, LIMIT_S, running, site
from tests.examples.test_faststream_mail import OrderPlaced
from tests.packaging.conftest import Environment
from tests.postbox.broker import event_of


def arguments_of_readme(example: str, program: str) -> list[str]:
    """What follows `program` in the first of the README's commands that calls it."""
    readme = (EXAMPLES / example / "README.md").read_text()
    for line in readme.split("```")[1].splitlines()[1:]:
        words = shlex.split(line, comments=True)
        called, *arguments = dropwhile(lambda word: "=" in word, words)
        if called == program:
            return [word for word in arguments if word != "&"]
    raise AssertionError(f"{example} calls no {program}")


@pytest.mark.parametrize(
    ("example", "queues", "programs"),
    [
        ("faststream_mail", ("mail", "mail.dead"), ["faststream"]),
        (
            "celery_mail",
            ("celery_mail", "celery_mail.dead", "celery_mail.tasks"),
            ["python", "celery"],
        ),
    ],
    ids=["faststream", "celery"],
)
async def test_a_consumer_runs_with_what_its_readme_installs(
    client: Client,
    mongo_uri: str,
    rabbitmq: RabbitMQ,
    wheel: Path,
    tmp_path: Path,
    example: str,
    queues: Sequence[str],
    programs: Sequence[str],
) -> None:
    _, *requirements = arguments_of_readme(example, "pip")
    environment = await asyncio.to_thread(Environment, tmp_path / "venv", wheel, requirements)
    at = shutil.copytree(EXAMPLES / example, tmp_path / example)
    variables = {
        "PYTHONPATH": "",
        "MONGO_URI": mongo_uri,
        "RABBITMQ_URI": rabbitmq.uri,
        "CELERY_BROKER": rabbitmq.uri,
    }

    def command(program: str) -> tuple[str, ...]:
        return (str(environment.program(program)), *arguments_of_readme(example, program))

    async def is_written() -> bool:
        return await own_database(client)["mails"].distinct("_id") == ["o1"]

    async with site(rabbitmq, *queues) as broker, AsyncExitStack() as during:
        log = tmp_path / "declare"
        async with running(*command("postbox"), at=at, log=log, **variables) as declaring:
            await declaring.ended()
        await broker.publish(event_of(OrderPlaced("o1", 5)))
        started = [
            await during.enter_async_context(
                running(*command(program), at=at, log=tmp_path / program, **variables)
            )
            for program in programs
        ]
        await eventually(is_written, limit_s=LIMIT_S)
        for one in started:
            await one.stopped()
