"""Configuration: read from variables, and every mistake names its variable."""

import pytest

from postbox.errors import ConfigurationError
from postbox.outbox import Shard, Source
from postbox.service import load
from relay.settings import RelaySettings

BROKER = "amqp://guest:guest@localhost/"


def test_everything_that_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "RELAY_SOURCES",
        "booking=mongodb://a:1,b:2/booking?replicaSet=rs0,payment=mongodb+srv://c/payment",
    )
    monkeypatch.setenv("RABBITMQ_URI", BROKER)
    monkeypatch.setenv("RELAY_SHARD", "1/4")
    monkeypatch.setenv("RELAY_LEASE_S", "2")
    settings = load(RelaySettings)
    assert settings.relay_sources == (
        Source("booking", "mongodb://a:1,b:2/booking?replicaSet=rs0"),
        Source("payment", "mongodb+srv://c/payment"),
    )
    assert settings.relay_port == 3003
    assert settings.shards == (Shard(1, 4),)
    assert settings.options.lease_s == 2


def test_shards_are_shared_where_only_their_number_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RELAY_SOURCES", "booking=mongodb://a/booking")
    monkeypatch.setenv("RABBITMQ_URI", BROKER)
    assert load(RelaySettings).shards == (Shard(),)
    monkeypatch.setenv("RELAY_SHARDS", "3")
    assert load(RelaySettings).shards == (Shard(0, 3), Shard(1, 3), Shard(2, 3))
    monkeypatch.setenv("RELAY_SHARD", "0/3")
    with pytest.raises(ConfigurationError, match=r"RELAY_SHARDS: .*RELAY_SHARD is set too"):
        load(RelaySettings)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RELAY_SOURCES", ""),
        ("RELAY_SOURCES", "mongodb://a/booking"),
        ("RELAY_SOURCES", "booking=postgres://a/booking"),
        ("RELAY_SOURCES", "booking=mongodb://a/"),
        ("RELAY_SOURCES", "a=mongodb://a/a,a=mongodb://b/b"),
        ("RABBITMQ_URI", "http://localhost"),
        ("RELAY_SHARD", "4/4"),
        ("RELAY_SHARD", "one"),
        ("RELAY_SHARDS", "0"),
        ("RELAY_SHARDS", "17"),
        ("RELAY_PORT", "-1"),
        ("RELAY_LEASE_S", "0"),
    ],
)
def test_a_mistake_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("RELAY_SOURCES", "booking=mongodb://a/booking")
    monkeypatch.setenv("RABBITMQ_URI", BROKER)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable):
        load(RelaySettings)
