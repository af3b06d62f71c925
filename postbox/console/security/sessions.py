"""Sessions: a signed cookie that says who somebody is, and a token that their own pages carry."""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from enum import Enum
from typing import Final

import orjson

COOKIE: Final = "postbox_console"
LIFETIME_S: Final = 12 * 3_600
NAME_CHARS_MAX: Final = 64


class Role(Enum):
    """What somebody may do."""

    LOOK = "look"  # see everything that is not masked
    ACT = "act"  # redrive, drop and put back as well


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. `session` is the session's own random id."""

    name: str
    role: Role
    session: str

    @property
    def may_act(self) -> bool:
        return self.role is Role.ACT


class Sessions:
    """Issues and reads cookies. All that `key` signed is void with another key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, name: str, role: Role) -> str:
        """A cookie's value, good for 12 hours."""
        session = secrets.token_urlsafe(16)
        expires = int(time.time()) + LIFETIME_S
        said = _text(orjson.dumps([name[:NAME_CHARS_MAX], role.value, session, expires]))
        return f"{said}.{self._signature('session', said)}"

    def read(self, cookie: str) -> Identity | None:
        """Who the cookie is for; None where it is forged, broken or too old."""
        said, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature("session", said).encode()):
            return None
        try:
            name, role, session, expires = orjson.loads(
                base64.urlsafe_b64decode(said + "=" * (-len(said) % 4))
            )
            return Identity(name, Role(role), session) if expires > time.time() else None
        except (ValueError, binascii.Error):
            return None

    def token(self, identity: Identity) -> str:
        """What a form of this session has to carry: another site cannot know it."""
        return self._signature("form", identity.session)

    def is_token(self, identity: Identity, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token(identity).encode())

    def _signature(self, purpose: str, text: str) -> str:
        made = hmac.new(self._key, f"{purpose}:{text}".encode(), hashlib.sha256)
        return made.hexdigest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
