"""What a person sees while a stack comes up, and once it is up."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.status import Status

from stack.info import Info
from stack.layout import APPLICATIONS
from stack.running import RunningStack
from stack.status import address

SERVERS: Final = ("epmd", "mongo", "rabbitmq")


class Spinner:
    """For a block, says what is under way: a line that changes, on a terminal; else nothing."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("", console=console)

    def show(self, text: str) -> None:
        self._status.update(text)

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._status.stop()


class Progress(Spinner):
    """One line for each program that is ready; on a terminal, the spinner names the rest."""

    def __init__(self, console: Console, programs: Sequence[str] = APPLICATIONS) -> None:
        super().__init__(console)
        self._waiting = [*SERVERS, *programs]
        self.show(self._text)
        if not console.is_terminal:
            console.print(self._text)

    def ready(self, name: str, seconds: float) -> None:
        self._waiting.remove(name)
        self._console.print(f"  {name:<10} ready after {seconds:.1f} s")
        self.show(self._text)

    @property
    def _text(self) -> str:
        return f"starting {', '.join(self._waiting)} ..."


def show(console: Console, stack: RunningStack) -> None:
    """The addresses, and a first thing to do with them."""
    info = stack.info
    for name in Info.model_fields:
        console.print(f"  {name:<10} {address(info.part(name))}", soft_wrap=True)
    console.print(f"  {stack.layout.info}", soft_wrap=True)
    console.print("\nBook something (the customer has not paid yet, so it stays pending):")
    authorization = ' -H "Authorization: Bearer $(.venv/bin/python -m stack token --user ada)"'
    console.print(
        f"  curl -s {info.gateway.url}/booking/intent -H 'content-type: application/json'"
        f"{authorization if info.gateway.auth == 'jwt' else ''}"
        """ -d '{"userId": "ada", "amount": 4200}'""",
        markup=False,
        soft_wrap=True,
    )
    console.print(f"  open {info.gateway.url}/docs", soft_wrap=True)
    if info.console.pid is not None:
        console.print(f"\nSee every event, and what needs a person:\n  open {info.console.url}")
