"""An identity provider: keys that it publishes and changes, and tokens by them, good or not."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from postbox.service import application, reply, serve
from stack.servers.ports import LOOPBACK, free_port

NAME: Final = "https://issuer.example/"
AUDIENCE: Final = "bookings"
OPERATE: Final = "bookings:operate"


class SigningKey:
    """One key pair, by the name under which it is published."""

    def __init__(self, kid: str, algorithm: str) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.private: Any
        match algorithm:
            case "RS256":
                self.private = rsa.generate_private_key(65537, 2048)
                public = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
            case "EdDSA":
                self.private = ed25519.Ed25519PrivateKey.generate()
                public = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
            case _:
                self.private = ec.generate_private_key(ec.SECP256R1())
                public = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        self.jwk: Mapping[str, Any] = {**public, "kid": kid, "use": "sig"}

    def sign(self, claims: Mapping[str, Any], **headers: Any) -> str:
        return jwt.encode(
            dict(claims), self.private, self.algorithm, headers={"kid": self.kid, **headers}
        )


class Issuer:
    """`keys` are published; `asked` counts how often somebody wanted them."""

    def __init__(self) -> None:
        self.keys = [SigningKey(name, name) for name in ("RS256", "ES256", "EdDSA")]
        self.asked = 0
        self.is_down = False
        self.url = f"http://{LOOPBACK}:{free_port()}/keys"

    def token(self, user: str = "ada", *, key: SigningKey | None = None, **claims: Any) -> str:
        """A good token, but for what `claims` changes; None leaves one out."""
        whole = {**self.claims(user), **claims}
        given = {name: value for name, value in whole.items() if value is not None}
        return (key or self.keys[0]).sign(given)

    def claims(self, user: str = "ada") -> dict[str, Any]:
        expires_at = datetime.now(UTC) + timedelta(minutes=5)
        return {"iss": NAME, "aud": AUDIENCE, "sub": user, "exp": int(expires_at.timestamp())}

    @property
    def document(self) -> dict[str, Any]:
        return {"keys": [dict(key.jwk) for key in self.keys]}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        stop, port = asyncio.Event(), httpx.URL(self.url).port
        assert port is not None
        app = application([Route("/keys", self._publish)])
        server = asyncio.create_task(serve(app, port, stop, host=LOOPBACK))
        try:
            yield
        finally:
            stop.set()
            await server

    async def _publish(self, _: Request) -> Response:
        self.asked += 1
        return reply(self.document, 503 if self.is_down else 200)
