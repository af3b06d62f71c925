"""Passwords, of which only a hash by scrypt is kept: `scrypt:n:r:p:salt:hash`.

No shell and no file for Compose gives any of its characters a meaning, as they do to `$`, by which
an earlier version divided it; such a hash is still read.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

N, R, P = 2**15, 8, 3
"""A guess costs 32 MiB, and about a quarter of a second."""
MEMORY_BYTES_MAX: Final = 256 * 1024 * 1024
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
_SCHEME: Final = "scrypt"


def hash_password(password: str, *, n: int = N) -> str:
    """What to put into CONSOLE_PASSWORD_HASH."""
    salt = secrets.token_bytes(SALT_BYTES)
    made = _made(password, salt, n)
    return ":".join([_SCHEME, str(n), str(R), str(P), _text(salt), _text(made)])


def verify(password: str, made: str) -> bool:
    """Whether `made` is the hash of `password`; takes as long for a wrong one."""
    n, r, p, salt, expected = _read(made)
    return hmac.compare_digest(_made(password, salt, n, r, p), expected)


def check_hash(made: str) -> None:
    """ValueError where `made` is no hash."""
    _read(made)


def _made(password: str, salt: bytes, n: int = N, r: int = R, p: int = P) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=n, r=r, p=p, dklen=HASH_BYTES, maxmem=MEMORY_BYTES_MAX
    )


def _read(made: str) -> tuple[int, int, int, bytes, bytes]:
    try:
        scheme, n, r, p, salt, expected = made.replace("$", ":").split(":")
        if scheme != _SCHEME:
            raise ValueError(scheme)
        return int(n), int(r), int(p), _bytes(salt), _bytes(expected)
    except (ValueError, binascii.Error):
        raise ValueError("not a hash: make one with `postbox console hash`") from None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
