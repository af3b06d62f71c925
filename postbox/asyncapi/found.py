"""The event classes of a module."""

from types import ModuleType


def event_classes(module: ModuleType) -> list[type]:
    """The classes of `module`'s own that have a `TYPE`, in the order of their types."""
    found: dict[str, type] = {}
    for value in vars(module).values():
        type_ = getattr(value, "TYPE", None)
        is_own = isinstance(value, type) and value.__module__ == module.__name__
        if is_own and isinstance(type_, str):
            found[type_] = value
    return [found[type_] for type_ in sorted(found)]
