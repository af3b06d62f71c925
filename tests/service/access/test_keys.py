"""The issuer's keys change while a gateway runs, and so does whether the issuer answers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import orjson
import pytest

from postbox.errors import ConfigurationError
from postbox.runtime import Health
from postbox.service import Problem
from services.gateway.access import keys
from services.gateway.access.keys import KeySet
from tests.eventually import eventually
from tests.service.access.issuer import Issuer, SigningKey
from tests.service.booking_system import BookingSystem
from tests.service.guarded import Guarded, guarded

NEW: Final = "new"


async def status(door: Guarded, key: SigningKey) -> int:
    token = door.issuer.token(key=key)
    return (await door.ask("GET", "/booking/nobody-s", token)).status_code


class TestAGateway:
    async def test_takes_a_new_key_up_by_itself_and_asks_for_it_once(self, door: Guarded) -> None:
        new = SigningKey(NEW, "ES256")
        assert await status(door, new) == 401
        door.issuer.keys.append(new)
        try:
            asked = door.issuer.asked

            async def is_let_in() -> bool:
                await asyncio.gather(*(status(door, SigningKey("x", "EdDSA")) for _ in range(20)))
                return await status(door, new) == 404

            await eventually(is_let_in, limit_s=3 * keys.READ_INTERVAL_MIN_S)
            assert door.issuer.asked == asked + 1
        finally:
            door.issuer.keys.remove(new)

    async def test_has_keys_from_a_file(self, shared_system: BookingSystem, tmp_path: Path) -> None:
        issuer, file = Issuer(), tmp_path / "keys.json"
        file.write_bytes(orjson.dumps(issuer.document))
        async with guarded(shared_system, issuer, str(file)) as door:
            assert await status(door, issuer.keys[0]) == 404
            issuer.keys = [SigningKey(NEW, "EdDSA")]
            file.write_bytes(orjson.dumps(issuer.document))

            async def is_let_in() -> bool:
                return await status(door, issuer.keys[0]) == 404

            await eventually(is_let_in, limit_s=3 * keys.READ_INTERVAL_MIN_S)


class TestTheSet:
    """Against a real HTTP server, with the intervals made short."""

    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keys, "READ_INTERVAL_MIN_S", 0.0)
        monkeypatch.setattr(keys, "READ_INTERVAL_S", 0.02)
        monkeypatch.setattr(keys, "RETRY_S", 0.02)

    @pytest.fixture
    async def issuer(self) -> AsyncIterator[Issuer]:
        issuer = Issuer()
        async with issuer.serving():
            yield issuer

    async def test_a_key_that_is_withdrawn_holds_no_longer(self, issuer: Issuer) -> None:
        known, stop = KeySet(issuer.url, Health()), asyncio.Event()
        assert await known.find("ES256", "ES256")
        issuer.keys = issuer.keys[:1]
        running = asyncio.create_task(known.run(stop))

        async def is_gone() -> bool:
            return await known.find("ES256", "ES256") is None

        await eventually(is_gone)
        stop.set()
        await running

    async def test_an_issuer_that_is_down_is_waited_for(self, issuer: Issuer) -> None:
        health, issuer.is_down = Health(), True
        known = KeySet(issuer.url, health)
        with pytest.raises(Problem) as raised:
            await known.find("RS256", "RS256")
        assert raised.value.status == 503
        assert "503" in health.problems[keys.HEALTH]
        issuer.is_down = False
        assert await known.find("RS256", "RS256")
        assert not health.problems
        issuer.is_down = True
        assert await known.find("another", "RS256") is None
        assert await known.find("RS256", "RS256")
        assert not health.problems

    async def test_what_is_asked_for_at_one_moment_is_asked_once(
        self, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keys, "READ_INTERVAL_MIN_S", 60.0)
        known = KeySet(issuer.url, Health())
        found = await asyncio.gather(*(known.find(f"k{n}", "RS256") for n in range(50)))
        assert found == [None] * 50
        assert issuer.asked == 1


def published(tmp_path: Path, *members: object) -> KeySet:
    file = tmp_path / "keys.json"
    file.write_bytes(orjson.dumps({"keys": members}))
    return KeySet(str(file), Health())


async def test_only_public_keys_of_the_pinned_algorithms_count(tmp_path: Path) -> None:
    good = dict(SigningKey("good", "RS256").jwk)
    others = [
        {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "a", "alg": "HS256"},
        {**good, "kid": "b", "alg": "PS256"},
        {**good, "kid": "c", "use": "enc"},
        {**good, "kid": "d", "d": "cHJpdmF0ZQ"},
        {**good, "kid": "e", "n": "!"},
        *("text", None, {}),
    ]
    known = published(tmp_path, *others, good)
    await known.prepare()
    algorithms = ("HS256", "PS256", "RS256", "none", None, ["RS256"])
    found = [await known.find(kid, one) for kid in "abcde" for one in algorithms]
    assert found == [None] * len(found)
    for kid in ("good", None):
        assert (await known.find(kid, "RS256")) is not None
    twice = published(tmp_path, good, {**good, "kid": "other"})
    await twice.prepare()
    assert await twice.find(None, "RS256") is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}', b"\xff", b"[" * 100_000]
)
async def test_a_file_that_has_no_keys_is_told_at_the_start(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="JWT_JWKS"):
        await KeySet(str(file), Health()).prepare()
    with pytest.raises(ConfigurationError, match="No such file"):
        await KeySet(str(tmp_path / "none.json"), Health()).prepare()
