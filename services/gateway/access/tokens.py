"""Tokens: a JWT (RFC 9068, RFC 6750) by a key of the issuer's, for us, and still good.

The algorithm is the key's own, whatever the token claims, and never a symmetric one.
"""

from collections.abc import Mapping
from typing import Any, Final

import jwt
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from contracts.values import OpaqueId
from postbox.service import Problem
from services.gateway.access.caller import Caller
from services.gateway.access.keys import KeySet
from services.gateway.problems import NO_TOKEN, TOKEN_NOT_VALID

OPERATE: Final = "bookings:operate"
"""The scope whose holder may act for every user."""
TOKEN_MAX_CHARS: Final = 8 * 1024
_CLAIMS: Final = ["exp", "iss", "aud", "sub"]
_SUBJECT: Final = TypeAdapter[str](OpaqueId)
_REASONS: Final[Mapping[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.InvalidIssuerError: "it is of another issuer",
    jwt.MissingRequiredClaimError: f"it lacks one of {', '.join(_CLAIMS)}",
    jwt.InvalidSignatureError: "its signature does not hold",
}


class Tokens:
    """Reads the caller from the request's bearer token."""

    asks_for_tokens = True

    def __init__(self, keys: KeySet, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    async def caller(self, request: Request) -> Caller:
        claims = await self._claims(_bearer(request))
        try:
            subject = _SUBJECT.validate_python(claims["sub"])
        except ValidationError as error:
            raise _refused("its subject cannot be a user's id") from error
        operates = OPERATE in _scopes(claims)
        return Caller(subject=subject, operates=operates, until=float(claims["exp"]))

    async def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.find(header.get("kid"), header.get("alg"))
            if key is None:
                raise _refused("it is by no key of the issuer's, or by none of its algorithms")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                options={
                    "require": _CLAIMS,
                    "verify_iat": False,  # it says how old a token is, not whether it is good
                    "enforce_minimum_key_length": True,
                },
            )
        except (jwt.PyJWTError, TypeError, ValueError, OverflowError) as error:
            raise _refused(_REASONS.get(type(error), "it is not a token")) from error
        return claims


def _bearer(request: Request) -> str:
    """The one token of the Authorization header."""
    given = request.headers.getlist("authorization")
    if not given:
        headers = {"WWW-Authenticate": "Bearer"}
        raise NO_TOKEN.problem(field="Authorization", headers=headers)
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or len(token) > TOKEN_MAX_CHARS:
        raise _refused("one bearer token is expected")
    return token.strip()


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """`scope` as RFC 8693 has it; some issuers send a list, or call it `scp`."""
    scopes = claims.get("scope", claims.get("scp", ""))
    if isinstance(scopes, str):
        return scopes.split(" ")
    return [one for one in scopes if isinstance(one, str)] if isinstance(scopes, list) else []


def _refused(reason: str) -> Problem:
    challenge = f'Bearer error="invalid_token", error_description="{reason}"'
    return TOKEN_NOT_VALID.problem(
        field="Authorization", detail=reason, headers={"WWW-Authenticate": challenge}
    )
