"""A program that is configured wrongly says which variable is to blame, and does not start."""

import pytest

from postbox.errors import ConfigurationError
from postbox.mongo import connect, own_database
from postbox.rabbitmq import connected
from postbox.service import Port, ServiceSettings, load


class ShopSettings(ServiceSettings):
    shop_port: Port = 8080


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in {
        "MONGO_URI": "mongodb://127.0.0.1:1/shop",
        "RABBITMQ_URI": "amqp://guest:guest@127.0.0.1:1/",
        "SHOP_PORT": "",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_what_is_empty_is_as_if_it_were_not_set() -> None:
    assert load(ShopSettings).shop_port == 8080


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MONGO_URI", None, "MONGO_URI: not set"),
        ("MONGO_URI", "somewhere", "MONGO_URI: .*mongodb://"),
        ("RABBITMQ_URI", "http://127.0.0.1:1/", "RABBITMQ_URI: .*amqp"),
        ("RABBITMQ_URI", None, "RABBITMQ_URI: not set"),
        ("SHOP_PORT", "http", "SHOP_PORT: .*integer"),
        ("SHOP_PORT", "65536", "SHOP_PORT: .*65535"),
    ],
)
def test_the_variable_is_named(
    environment: pytest.MonkeyPatch, name: str, value: str | None, says: str
) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(ConfigurationError, match=says):
        load(ShopSettings)


@pytest.mark.parametrize(
    "uri", ["mongodb://a:27017,b:27018/shop?replicaSet=rs0", "mongodb+srv://u:p%40@cluster/shop"]
)
def test_a_replica_sets_uri_is_taken_as_it_is(environment: pytest.MonkeyPatch, uri: str) -> None:
    environment.setenv("MONGO_URI", uri)
    assert load(ShopSettings).mongo_uri == uri


def test_all_that_is_wrong_is_reported_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("MONGO_URI")
    environment.setenv("SHOP_PORT", "65536")
    with pytest.raises(ConfigurationError, match=r"MONGO_URI: .*; SHOP_PORT: "):
        load(ShopSettings)


async def test_uris_that_cannot_be_are_reported_by_their_variable() -> None:
    with pytest.raises(ConfigurationError, match="MONGO_URI"):
        connect("http://127.0.0.1/shop", application="shop")
    with pytest.raises(ConfigurationError, match=r"MONGO_URI: .*[Pp]ort"):
        connect("mongodb://127.0.0.1:port/shop", application="shop")
    with pytest.raises(ConfigurationError, match="MONGO_URI") as reported:
        connect("mongodb://user:pa/ssw.rd@127.0.0.1/shop", application="shop")
    assert "ssw.rd" not in str(reported.value)
    async with connect("mongodb://127.0.0.1:1/", application="shop") as client:
        with pytest.raises(ConfigurationError, match="MONGO_URI: name the service's database"):
            own_database(client)
    with pytest.raises(ConfigurationError, match="RABBITMQ_URI"):
        async with connected("http://127.0.0.1/", name="shop"):
            pass
