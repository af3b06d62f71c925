"""Whether each program can do its work: what it says at its /readyz, asked over HTTP."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

LIMIT_S: Final = 1.5
REASON_CHARS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Program:
    """One that answers at `url`/readyz."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramStatus:
    """`problem` is why it gave no answer; `failing` has each part that fails, with its reason."""

    name: str
    problem: str | None = None
    failing: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        return self.problem is None and not self.failing

    @property
    def reason(self) -> str | None:
        """What is wrong, in one line."""
        if self.problem is not None:
            return self.problem
        return "; ".join(f"{part}: {why}" for part, why in self.failing.items()) or None


class Programs:
    """All of them, asked again and again."""

    def __init__(self, programs: Sequence[Program], http: httpx.AsyncClient) -> None:
        self._programs = tuple(programs)
        self._http = http

    async def look(self) -> list[ProgramStatus]:
        """Each as it stands, in the order in which they were named."""
        return list(await asyncio.gather(*(self._look(one) for one in self._programs)))

    async def _look(self, program: Program) -> ProgramStatus:
        try:
            async with asyncio.timeout(LIMIT_S):
                answer = await self._http.get(f"{program.url}/readyz")
        except (httpx.HTTPError, TimeoutError) as error:
            return ProgramStatus(name=program.name, problem=_said(error))
        if answer.is_success:
            return ProgramStatus(name=program.name)
        return ProgramStatus(name=program.name, failing=_failing(answer))


def _said(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return f"no answer within {LIMIT_S} s"
    return f"no answer: {error}"[:REASON_CHARS_MAX]


def _failing(answer: httpx.Response) -> dict[str, str]:
    """The parts that fail; an answer of another kind counts as one part."""
    try:
        checks: Any = answer.json()["checks"]
        failing = {part: str(said) for part, said in checks.items() if said != "ok"}
    except (ValueError, KeyError, TypeError, AttributeError):
        failing = {}
    shortened = {part: said[:REASON_CHARS_MAX] for part, said in failing.items()}
    return shortened or {"readyz": f"answered {answer.status_code}"}
