"""The issuer's keys (a JWK Set, RFC 7517), from a URL or a file, changed while we run.

A key that is not known yet is looked for at once, but never more often than every few seconds,
whatever tokens are sent. One that is withdrawn holds no longer than the next regular reading.
Where the issuer does not answer, the keys that are known hold.
"""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Final

import httpx
import jwt
import structlog

from postbox.errors import ConfigurationError
from postbox.runtime import Health, pause
from postbox.service import unavailable

log = structlog.get_logger()
READ_INTERVAL_S: Final = 300.0
RETRY_S: Final = 2.0
READ_INTERVAL_MIN_S: Final = 3.0
ANSWER_LIMIT_S: Final = 3.0
SET_BYTES_MAX: Final = 256 * 1024
HEALTH: Final = "keys"
# By kty and crv. Only these: a symmetric key in a public document is everybody's.
ALGORITHMS: Final[Mapping[tuple[object, object], str]] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}


class _Unreadable(Exception):
    """The set is not there, or is none."""


class KeySet:
    """The keys at `location`, a URL or the path of a file."""

    def __init__(self, location: str, health: Health) -> None:
        self._location = location
        self._health = health
        self._keys: list[jwt.PyJWK] = []
        self._read_at = -READ_INTERVAL_MIN_S
        self._reading = asyncio.Lock()
        health.fail(HEALTH, "not read yet")

    async def prepare(self) -> None:
        """ConfigurationError where the keys are in a file that cannot be read."""
        if not _is_url(self._location):
            try:
                await self._read()
            except _Unreadable as error:
                raise ConfigurationError(f"JWT_JWKS: {error}") from error

    async def run(self, stop: asyncio.Event) -> None:
        """Read them again and again until `stop` is set."""
        while True:
            await self._refresh()
            if await pause(stop, READ_INTERVAL_S if self._keys else RETRY_S):
                return

    async def find(self, kid: object, algorithm: object) -> jwt.PyJWK | None:
        """The one key that a token with such a header may be by. Problem 503 while none is known.

        A token without a `kid` is by the only key of its algorithm.
        """
        if algorithm not in ALGORITHMS.values():
            return None
        found = self._matching(kid, algorithm)
        if not found:
            await self._refresh()
            found = self._matching(kid, algorithm)
        if not self._keys:
            raise unavailable("The issuer's keys are not known yet")
        return found[0] if len(found) == 1 else None

    def _matching(self, kid: object, algorithm: object) -> list[jwt.PyJWK]:
        return [
            key
            for key in self._keys
            if key.algorithm_name == algorithm and kid in (None, key.key_id)
        ]

    async def _refresh(self) -> None:
        async with self._reading:
            if monotonic() - self._read_at < READ_INTERVAL_MIN_S:
                return
            self._read_at = monotonic()
            try:
                await self._read()
            except _Unreadable as error:
                log.warning("the issuer's keys cannot be read", reason=str(error))
                if not self._keys:
                    self._health.fail(HEALTH, str(error))

    async def _read(self) -> None:
        content = await (_fetch if _is_url(self._location) else _load)(self._location)
        keys = _keys(content)
        if not keys:
            wanted = ", ".join(ALGORITHMS.values())
            raise _Unreadable(f"{self._location} has no key for {wanted}")
        self._keys = keys
        self._health.ok(HEALTH)


def _is_url(location: str) -> bool:
    return location.startswith(("http://", "https://"))


async def _load(path: str) -> bytes:
    try:
        return await asyncio.to_thread(Path(path).read_bytes)
    except OSError as error:
        raise _Unreadable(f"{path}: {error.strerror}") from error


async def _fetch(url: str) -> bytes:
    content = bytearray()
    try:
        async with (
            asyncio.timeout(ANSWER_LIMIT_S),
            httpx.AsyncClient(timeout=ANSWER_LIMIT_S) as http,
            http.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > SET_BYTES_MAX:
                    raise _Unreadable(f"{url} is over {SET_BYTES_MAX:,} bytes")
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise _Unreadable(f"{url}: {type(error).__name__} {error}".strip()) from error
    return bytes(content)


def _keys(content: bytes) -> list[jwt.PyJWK]:
    """Those that may sign a token; others that the set has are passed over."""
    try:
        members = json.loads(content)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _Unreadable("the keys are no JWK Set") from error
    members = members if isinstance(members, list) else []
    return [key for member in members if (key := _key(member)) is not None]


def _key(member: Any) -> jwt.PyJWK | None:
    if not isinstance(member, dict) or member.get("use", "sig") != "sig" or "d" in member:
        return None
    algorithm = ALGORITHMS.get((member.get("kty"), member.get("crv")))
    if algorithm is None or member.get("alg", algorithm) != algorithm:
        return None
    try:
        return jwt.PyJWK(member, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
