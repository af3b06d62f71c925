"""A caller who cannot say who they are gets 401 with a challenge, and nothing is written."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import jwt
import pytest

from tests.service.access.issuer import AUDIENCE, NAME, Issuer, SigningKey
from tests.service.guarded import Guarded
from tests.service.test_refused_intents import is_problem

NOW: Final = int(datetime.now(UTC).timestamp())
DAY_S: Final = 86_400
ROUTES: Final = (
    ("post", "/booking/intent"),
    ("post", "/booking/{intentId}/cancel"),
    ("get", "/booking/{intentId}"),
    ("get", "/booking/{intentId}/events"),
    ("get", "/bookings"),
    ("get", "/resources/{resourceId}/slots"),
)
ENDPOINTS: Final = tuple(
    (method.upper(), path.format(intentId="some-intent", resourceId="some-resource"))
    for method, path in ROUTES
)


def by_the_public_key(issuer: Issuer) -> str:
    """The old trick: HS256 with what everybody knows as its secret."""
    secret = jwt.utils.base64url_encode(str(issuer.document["keys"][0]).encode())
    headers = {"kid": issuer.keys[0].kid}
    return jwt.encode(issuer.claims(), secret, "HS256", headers=headers)


def none(issuer: Issuer, **headers: Any) -> str:
    return jwt.encode(issuer.claims(), "", "none", headers=headers or None)


def foreign(issuer: Issuer, kid: str) -> str:
    return SigningKey(kid, "RS256").sign(issuer.claims())


def tampered(issuer: Issuer) -> str:
    header, _, signature = issuer.token("ada").split(".")
    claims = jwt.utils.base64url_encode(json.dumps(issuer.claims("bob")).encode())
    return ".".join([header, claims.decode(), signature])


TOKENS: Final[Mapping[str, Callable[[Issuer], str]]] = {
    "expired": lambda issuer: issuer.token(exp=NOW - 1),
    "without an end": lambda issuer: issuer.token(exp=None),
    "with an end that is none": lambda issuer: issuer.token(exp="soon"),
    "with an endless end": lambda issuer: issuer.token(exp=float("inf")),
    "not valid yet": lambda issuer: issuer.token(nbf=NOW + DAY_S),
    "of another issuer": lambda issuer: issuer.token(iss="https://elsewhere.example/"),
    "of nearly our issuer": lambda issuer: issuer.token(iss=NAME.rstrip("/")),
    "of no issuer": lambda issuer: issuer.token(iss=None),
    "for another audience": lambda issuer: issuer.token(aud="payroll"),
    "for nobody": lambda issuer: issuer.token(aud=None),
    "of no subject": lambda issuer: issuer.token(sub=None),
    "of an empty subject": lambda issuer: issuer.token(sub=""),
    "of a subject that is no user's": lambda issuer: issuer.token(sub="ada\n"),
    "of a subject that is too long": lambda issuer: issuer.token(sub="a" * 129),
    "by HS256 and the public key": by_the_public_key,
    "none": none,
    "none with our kid": lambda issuer: none(issuer, kid=issuer.keys[0].kid),
    "by RS512": lambda issuer: issuer.keys[0].sign(issuer.claims(), alg="RS512"),
    "by a key that we do not know": lambda issuer: foreign(issuer, "unknown"),
    "by another key of a known name": lambda issuer: foreign(issuer, issuer.keys[0].kid),
    "tampered with": tampered,
    "cut": lambda issuer: issuer.token()[:-2],
    "garbage": lambda _: "garbage",
    "dots": lambda _: "..",
    "too long": lambda _: "a" * 9_000,
    "not ASCII": lambda _: "é.é.é",
    "many brackets": lambda _: jwt.utils.base64url_encode(b"[" * 4_000).decode() + ".e30.e30",
}
SCHEMES: Final[tuple[Mapping[str, str], ...]] = (
    {},
    {"Authorization": ""},
    {"Authorization": "Basic YWRhOmFkYQ=="},
    {"Authorization": "Bearer"},
    {"authorization": "Token abc"},
)


@pytest.fixture(autouse=True)
async def nothing_is_written(door: Guarded) -> AsyncIterator[None]:
    before = await door.written()
    yield
    assert await door.written() == before


async def test_each_route_is_tried(door: Guarded) -> None:
    """One that is added has to be thought of here, and in `test_hostile.py`."""
    paths = (await door.send("GET", "/openapi.json")).json()["paths"]
    described = {
        (name, path) for path, about in paths.items() for name in about if name != "parameters"
    }
    assert described == set(ROUTES)


@pytest.mark.parametrize("kind", TOKENS)
async def test_a_token_that_is_not_good(door: Guarded, kind: str) -> None:
    token = TOKENS[kind](door.issuer)
    for method, path in ENDPOINTS:
        # httpx takes bytes as they are, and would refuse what is not ASCII.
        headers = {b"Authorization": b"Bearer " + token.encode()}
        answer = await door.shared_system.http.request(method, door.url + path, headers=headers)
        is_problem(answer, 401, "Authorization")
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer error="invalid_token", error_description="')
        assert "traceresponse" in answer.headers or path.endswith("/events")


@pytest.mark.parametrize("headers", SCHEMES, ids=str)
async def test_no_token(door: Guarded, headers: Mapping[str, str]) -> None:
    for method, path in ENDPOINTS:
        answer = await door.send(method, path, headers)
        is_problem(answer, 401, "Authorization")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_two_tokens(door: Guarded) -> None:
    both = [("Authorization", f"Bearer {door.issuer.token(user)}") for user in ("ada", "bob")]
    answer = await door.shared_system.http.get(f"{door.url}/booking/x", headers=both)
    is_problem(answer, 401, "Authorization")


async def test_who_asks_is_judged_before_what_is_asked(door: Guarded) -> None:
    answer = await door.send("POST", "/booking/intent", content=b"not JSON")
    is_problem(answer, 401, "Authorization")


async def test_what_tells_nothing_of_anybody_needs_no_token(door: Guarded) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert (await door.send("GET", path)).status_code == 200


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_good_token_of_each_algorithm(door: Guarded, algorithm: str) -> None:
    (key,) = [key for key in door.issuer.keys if key.algorithm == algorithm]
    for token in (
        door.issuer.token(key=key),
        door.issuer.token(key=key, aud=["other", AUDIENCE], iat=NOW + 60),
        jwt.encode(door.issuer.claims(), key.private, algorithm),  # without a kid
    ):
        is_problem(await door.ask("GET", "/booking/nobody-s", token), 404, "intentId")
