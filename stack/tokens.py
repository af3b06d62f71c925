"""The stack as an issuer of tokens: a key of its own, drawn once, and whatever it signs with it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from stack.errors import NotRunning
from stack.layout import Layout, write_atomically

ISSUER: Final = "urn:postbox:stack"
AUDIENCE: Final = "bookings"
OPERATE: Final = "bookings:operate"
"""The scope whose holder may act for every user."""
ALGORITHM: Final = "ES256"
LIFETIME: Final = timedelta(hours=1)
KEY_ID: Final = "stack"


class Tokens:
    """Signs tokens with the key of one stack's directory."""

    def __init__(self, layout: Layout) -> None:
        self._private = layout.data / "tokens" / "key.pem"
        self._public = layout.data / "tokens" / "keys.json"

    def variables(self) -> Mapping[str, str]:
        """What a gateway needs to accept these tokens, with GATEWAY_AUTH=jwt."""
        if not self._private.exists():
            form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            pem = generate_private_key(SECP256R1()).private_bytes(*form)
            write_atomically(self._private, pem.decode().rstrip())
        public = ECAlgorithm.to_jwk(self._key().public_key(), as_dict=True)
        key = {**public, "kid": KEY_ID, "use": "sig", "alg": ALGORITHM}
        write_atomically(self._public, json.dumps({"keys": [key]}))
        return {"JWT_JWKS": str(self._public), "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE}

    def mint(self, user: str, *, scope: str | None = None, lifetime: timedelta = LIFETIME) -> str:
        """A token whose subject is `user`. Raises `NotRunning` where no stack was ever up."""
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user,
            "exp": datetime.now(UTC) + lifetime,
            **({"scope": scope} if scope else {}),
        }
        return jwt.encode(claims, self._key(), ALGORITHM, headers={"kid": KEY_ID})

    def _key(self) -> EllipticCurvePrivateKey:
        try:
            key = load_pem_private_key(self._private.read_bytes(), password=None)
        except FileNotFoundError:
            raise NotRunning(f"no stack was ever up here: there is no {self._private}") from None
        assert isinstance(key, EllipticCurvePrivateKey)
        return key
