"""What AMQP cannot tell, by RabbitMQ's management API: bindings, limits, rates, what is unacked."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import httpx

from postbox.errors import BrokerUnavailable

LIMIT_S: Final = 2.0
QUEUES_GOOD_FOR_S: Final = 5.0
"""The broker itself counts them anew every five seconds, and telling of all of them is work."""
_COLUMNS: Final = (
    "name,messages_unacknowledged,arguments,effective_policy_definition,"
    "message_stats.publish_details.rate,message_stats.ack_details.rate,"
    "message_stats.deliver_get_details.rate,message_stats.deliver_details.rate"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFacts:
    """Of one queue. Rates are the broker's own, of its last five seconds."""

    unacknowledged: int | None = None
    in_per_s: float | None = None
    out_per_s: float | None = None
    most: int | None = None
    """How many messages it takes; None: any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFacts:
    """`bindings` has the routing keys by which each queue gets what comes to the exchange."""

    bindings: Mapping[str, frozenset[str]] = field(default_factory=dict)
    queues: Mapping[str, QueueFacts] = field(default_factory=dict)


class Management:
    """The API at `url`, whose user may be one with the tag `management`."""

    def __init__(self, url: str, virtual_host: str, http: httpx.AsyncClient) -> None:
        parts = urlsplit(url)
        where = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
        self._login = (unquote(parts.username or "guest"), unquote(parts.password or "guest"))
        self._base = f"{parts.scheme}://{where}{parts.path.rstrip('/')}/api"
        self._host = quote(virtual_host, safe="")
        self._http = http
        self._newest: Mapping[str, QueueFacts] = {}
        self._queues_until_s = 0.0

    async def look(self, exchange: str) -> BrokerFacts:
        """What is bound to `exchange`, and all queues as of five seconds ago. BrokerUnavailable."""
        at = f"exchanges/{self._host}/{quote(exchange, safe='')}/bindings/source"
        bindings, queues = await asyncio.gather(self._get(at), self._queues())
        return BrokerFacts(bindings=_bound(bindings), queues=queues)

    async def _queues(self) -> Mapping[str, QueueFacts]:
        if time.monotonic() >= self._queues_until_s:
            found = await self._get(f"queues/{self._host}", columns=_COLUMNS)
            self._newest = {one["name"]: _facts(one) for one in found}
            self._queues_until_s = time.monotonic() + QUEUES_GOOD_FOR_S
        return self._newest

    async def _get(self, path: str, **query: str) -> Any:
        try:
            async with asyncio.timeout(LIMIT_S):
                answer = await self._http.get(
                    f"{self._base}/{path}", params=query, auth=self._login
                )
        except (httpx.HTTPError, TimeoutError) as error:
            raise BrokerUnavailable(f"its management API gave no answer: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        if not answer.is_success:
            raise BrokerUnavailable(f"its management API answered {answer.status_code} to {path}")
        return answer.json()


def _bound(bindings: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    keys: dict[str, set[str]] = {}
    for one in bindings:
        if one["destination_type"] == "queue":
            keys.setdefault(one["destination"], set()).add(one["routing_key"])
    return {queue: frozenset(of_queue) for queue, of_queue in keys.items()}


def _facts(queue: Mapping[str, Any]) -> QueueFacts:
    stats = queue.get("message_stats") or {}
    arguments = queue.get("arguments") or {}
    policy = queue.get("effective_policy_definition") or {}
    limits = [arguments.get("x-max-length"), policy.get("max-length")]
    known = [limit for limit in limits if isinstance(limit, int)]
    return QueueFacts(
        unacknowledged=queue.get("messages_unacknowledged"),
        in_per_s=_rate(stats, "publish"),
        out_per_s=_rate(stats, "ack"),
        most=min(known, default=None),
    )


def _rate(stats: Mapping[str, Any], of: str) -> float:
    rate = (stats.get(f"{of}_details") or {}).get("rate")
    return float(rate) if isinstance(rate, int | float) else 0.0
