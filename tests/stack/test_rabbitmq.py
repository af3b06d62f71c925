"""A private RabbitMQ keeps what it confirmed, whatever ends it."""

from pathlib import Path
from typing import Final

import aio_pika
import pytest
from pamqp.common import FieldTable

from stack.errors import ServerMissing
from stack.servers.rabbitmq import RabbitMQ
from tests.stack import processes

QUORUM: Final[FieldTable] = {"x-queue-type": "quorum"}


async def test_a_confirmed_message_survives_sigkill(tmp_path: Path) -> None:
    async with RabbitMQ(tmp_path) as rabbitmq:
        async with await aio_pika.connect(rabbitmq.uri) as connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.declare_queue("kept", durable=True, arguments=QUORUM)
            message = aio_pika.Message(b"paid", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, "kept")
        first = rabbitmq.pid
        assert "beam" in processes.of(tmp_path)[first or 0]
        await rabbitmq.settled()

        await rabbitmq.kill()
        await rabbitmq.start()

        assert rabbitmq.pid != first
        async with await aio_pika.connect(rabbitmq.uri) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue("kept")
            kept = await queue.get(timeout=5)
            assert kept is not None
            assert kept.body == b"paid"

    await processes.none_left(tmp_path)


async def test_without_rabbitmq_the_reader_is_reported_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postbox.embedded.rabbitmq.SCRIPTS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerMissing, match="apt-get install -y rabbitmq-server"):
        RabbitMQ(tmp_path).programs()
