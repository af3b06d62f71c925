"""The public interface of the library as text: every public name, with its signature and members.

`python -m tests.packaging.interface` writes it to `interface.txt` beside this file, which is a
snapshot: whoever changes it says so in CHANGELOG.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import postbox
import postbox.integrations.celery
import postbox.integrations.faststream
import postbox.motor
import postbox.sync
from postbox import testing

SNAPSHOT: Final = Path(__file__).with_name("interface.txt")
_MODULE_PATH: Final = re.compile(r"\b(?:[a-z_]\w*\.)+(?=[A-Z_~])")
_FUNCTION: Final = re.compile(r"<function .*? at 0x[0-9a-f]+>")


def interface() -> str:
    """One line a name, members indented; sorted, so that a difference is a change."""
    lines: list[str] = []
    integrations = postbox.integrations.celery, postbox.integrations.faststream
    for module in (postbox, *integrations, postbox.motor, postbox.sync):
        for name in sorted(module.__all__):
            lines += _described(f"{module.__name__}.{name}", getattr(module, name))
    lines += _described("postbox.testing.MemoryPostbox", testing.MemoryPostbox)
    return "\n".join(lines) + "\n"


def _described(name: str, value: object) -> Iterator[str]:
    if not inspect.isclass(value):
        yield f"{name}{_signature(value)}"
        return
    bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
    yield f"class {name}({bases})" if bases else f"class {name}"
    if not value.__module__.startswith("postbox"):
        return  # the driver's own
    if not issubclass(value, BaseException):
        yield f"    __init__{_signature(value.__init__)}"
    members: dict[str, object] = {}
    for base in reversed(value.__mro__):
        if base.__module__.startswith("postbox"):
            members |= vars(base)
    for member, found in sorted(members.items()):
        called = getattr(value, member, None)
        if not member.startswith("_") and isinstance(found, property):
            yield f"    {member}: property"
        elif not member.startswith("_") and callable(called):
            yield f"    {member}{_signature(called)}"


def _signature(value: object) -> str:
    if not callable(value):
        return ""
    try:
        written = str(inspect.signature(value))
    except ValueError:  # an alias of types, such as Handler
        return ""
    return _FUNCTION.sub("...", _MODULE_PATH.sub("", written))


if __name__ == "__main__":
    SNAPSHOT.write_text(interface())
