"""`@event` makes a class an event: it has a type, a subject, and one form on the wire."""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass
from typing import Any, ClassVar, Final, Protocol, TypeAlias, TypeVar

from postbox.errors import DeclarationError, InvalidMessage
from postbox.events.classes.form import Form, Unreadable, form_of
from postbox.events.event import TYPE_BYTES_MAX, Fact
from postbox.events.payload import json_value

C = TypeVar("C")
_DECLARED: Final = "__postbox_event__"
_MADE: Final = ("TYPE", "subject", "data")


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


class _Model(Protocol):
    __pydantic_fields__: ClassVar[dict[str, Any]]


class _Struct(Protocol):
    __struct_fields__: ClassVar[tuple[str, ...]]


AnyFact: TypeAlias = Fact | _Dataclass | _Model | _Struct
"""What can be emitted, as far as a type checker can tell: a Fact, or an object of a class that
`@event` made one."""


@dataclass(frozen=True, slots=True)
class _Declared:
    """What `@event` knows of a class; `subject` is the name of a field."""

    type: str
    subject: str
    form: Form


def event(type_: str, /, *, subject: str) -> Callable[[type[C]], type[C]]:
    """Make a dataclass, pydantic model or msgspec Struct the event `type_`.

    Its subject is what the field `subject` has: a text, or a UUID, ObjectId or whole number, as
    text. Names on the wire are the class's own: pydantic's aliases, msgspec's `rename`, else the
    names of the fields. The class becomes a `Fact`, unless a field of its own has the name
    `subject` or `data`, and keeps it. DeclarationError for a class that cannot be an event.
    """

    def declare(cls: type[C]) -> type[C]:
        name = getattr(cls, "__qualname__", repr(cls))
        if not isinstance(type_, str) or not 0 < len(type_.encode()) <= TYPE_BYTES_MAX:
            raise DeclarationError(f"{name}: a type is a text of 1 to {TYPE_BYTES_MAX} bytes")
        form = form_of(cls)
        if form is None:
            raise DeclarationError(
                f"{name}: an event is a dataclass, a pydantic model or a msgspec Struct;"
                " @event stands above @dataclass"
            )
        if subject not in form.fields:
            raise DeclarationError(f"{name}: it has no field {subject!r} to be its subject")
        form.check(is_final=False)
        _make_fact(cls, name, form, type_, subject)
        return cls

    return declare


def decode(cls: type[C], data: Any) -> C:
    """The event of class `cls` whose data this is, as it came from JSON.

    InvalidMessage names what it cannot be: `data.items[0].price: expected a whole number, ...`.
    """
    try:
        value: C = _declared(cls).form.decode(data)
    except Unreadable as error:
        raise InvalidMessage(f"data{error.path}: {error.problem}") from None
    return value


def content_of(fact: AnyFact) -> tuple[str, str, Mapping[str, Any]]:
    """The type, the subject and the data of what is emitted. TypeError where it is no event."""
    declared: _Declared | None = vars(type(fact)).get(_DECLARED)
    if declared is not None:
        subject = _subject(getattr(fact, declared.subject))
        return declared.type, subject, declared.form.encode(fact)
    if not is_fact(fact):
        raise TypeError(f"{type(fact).__qualname__} is no event: decorate it with @event")
    return fact.TYPE, fact.subject, fact.data()  # type: ignore[union-attr]


def is_fact(value: object) -> bool:
    """Whether `value` can be emitted."""
    cls = type(value)
    if hasattr(cls, _DECLARED):
        return _DECLARED in vars(cls)  # a class that is derived from an event is not yet one
    return hasattr(cls, "TYPE") and hasattr(cls, "data")


def type_of(cls: type) -> str:
    """The event type of a class that `@event` declared. DeclarationError for another one."""
    return _declared(cls).type


def check_class(cls: type) -> None:
    """DeclarationError where `cls` is no event class, or has a field that cannot be read back."""
    _declared(cls).form.check(is_final=True)


def _declared(cls: type) -> _Declared:
    declared = vars(cls).get(_DECLARED)
    if not isinstance(declared, _Declared):
        raise DeclarationError(f"{cls.__qualname__} is no event: decorate it with @event")
    return declared


def _make_fact(cls: Any, name: str, form: Form, type_: str, subject: str) -> None:
    inherited = [vars(base) for base in cls.__mro__ if _DECLARED not in vars(base)]
    for made in _MADE:
        if made not in form.fields and any(made in names for names in inherited):
            raise DeclarationError(f"{name}.{made}: @event makes it, so it must not be there yet")
    setattr(cls, _DECLARED, _Declared(type_, subject, form))

    def subject_of(self: Any) -> Any:
        return _subject(getattr(self, subject))

    def data(self: Any) -> Mapping[str, Any]:
        return form.encode(self)

    for made, member in zip(_MADE, (type_, property(subject_of), data), strict=True):
        if made not in form.fields:
            setattr(cls, made, member)


def _subject(value: object) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    return json_value(value, "subject")
