"""Who sent a request, and what they may do with whose bookings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Protocol
from urllib.parse import urlsplit

from starlette.requests import Request

from postbox.service import NOT_VALID
from services.gateway.problems import ANOTHER_ORIGIN, ANOTHER_USER


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`subject` is the token's, None where no token is asked for; `operates`: may act for all.

    `until` is when the token ends, in seconds since 1970.
    """

    subject: str | None
    operates: bool
    until: float = math.inf

    def user(self, given: str | None, *, field: str) -> str | None:
        """The user that a request is about: the caller's own where it names none, if it has one.

        Problem 403 where it names another.
        """
        if given is None:
            return self.subject
        if not self.operates and given != self.subject:
            raise ANOTHER_USER.problem(field=field)
        return given

    def acting_for(self, given: str | None, *, field: str) -> str:
        """As `user`; Problem 422 where nobody is named at all."""
        user_id = self.user(given, field=field)
        if user_id is None:
            raise NOT_VALID.problem(field=field, detail=f"{field}: Field required")
        return user_id

    def may_see(self, owner: str | None) -> bool:
        """Whether a booking of `owner` exists for this caller."""
        return self.operates or owner == self.subject

    def own(self, idempotency_key: str | None) -> str | None:
        """The key as it is kept: no other caller's, and none of those kept without a caller.

        Neither part has a line break, so no two pairs of them are kept as the same.
        """
        if idempotency_key is None or self.subject is None:
            return idempotency_key
        return f"{self.subject}\n{idempotency_key}"


def counted_as(caller: Caller, request: Request) -> str:
    """Whose requests count together: the subject's, or the address's where there is no token."""
    address = request.client.host if request.client else ""
    return caller.subject or address


LOCALHOST: Final = "localhost"
ANYBODY: Final = Caller(subject=None, operates=True)


class Access(Protocol):
    """Finds out who sent a request."""

    @property
    def asks_for_tokens(self) -> bool: ...

    async def caller(self, request: Request) -> Caller:
        """Problem 401 where that cannot be said; 503 where it cannot be said now."""
        ...


class Open:
    """Everybody may do everything: for a gateway that only its own machine reaches.

    That machine's browsers reach it too, on behalf of any page, so those of other origins are
    refused, and so is a name that leads here: its owner could have it lead anywhere.
    """

    asks_for_tokens = False

    def __init__(self, origins: Sequence[str] = (), *, by_address_alone: bool = True) -> None:
        self._origins = origins
        self._by_address_alone = by_address_alone

    async def caller(self, request: Request) -> Caller:
        """Problem 403 for a page of another origin."""
        host = request.headers.get("host", "")
        if self._by_address_alone and not is_loopback(urlsplit(f"//{host}").hostname or LOCALHOST):
            raise ANOTHER_ORIGIN.problem(field="Host")
        origin = request.headers.get("origin")
        if origin and origin not in self._origins and urlsplit(origin).netloc != host:
            raise ANOTHER_ORIGIN.problem(field="Origin")
        return ANYBODY


def is_loopback(host: str) -> bool:
    """Whether only the machine itself is reached there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == LOCALHOST
