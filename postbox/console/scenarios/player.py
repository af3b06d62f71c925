"""Who plays scenarios, asked over HTTP; what it knows of them is its own."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from postbox.service import unavailable

LIMIT_S: Final = 5.0
Answer = Mapping[str, Any]


class Player:
    """At `url`, with its token as the password. Problem 503 where it gives no answer."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        parts = urlsplit(url)
        self._base = f"{parts.scheme}://{parts.hostname}:{parts.port}"
        self._headers = {"Authorization": f"Bearer {parts.password or ''}"}
        self._http = http

    async def scenarios(self) -> list[Answer]:
        """Each with its name, what it is `about`, and what the stack `lacks` to play it."""
        answer = await self._ask("GET", "/scenarios")
        return list(answer.raise_for_status().json()["scenarios"])

    async def begin(self, id_: str, scenario: str) -> str | None:
        """Have it played; asked again with this id, it is not played twice. Why not, if not."""
        answer = await self._ask("POST", "/plays", {"id": id_, "scenario": scenario})
        return None if answer.is_success else str(answer.json()["title"])

    async def find(self, id_: str) -> Answer | None:
        """How it goes: its `state`, `problems`, and the `subjects` whose flows it is."""
        answer = await self._ask("GET", f"/plays/{quote(id_, safe='')}")
        return dict(answer.json()) if answer.is_success else None

    async def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            return await self._http.request(
                method, f"{self._base}{path}", json=body, headers=self._headers, timeout=LIMIT_S
            )
        except httpx.HTTPError as error:
            raise unavailable(f"Who plays the scenarios gave no answer: {error}") from error
