"""The library's errors. The type of an error says what to do about it; its text never does.

`TryAgain`: nothing is wrong with the message; the same work will succeed later.
`SetAside`: this message can never be handled; it belongs in the dead queue.
`Crash`: the program cannot do its work as it is configured; it ends with one clear line.
"""


class PostboxError(Exception):
    """Any error that this library raises on purpose."""


class TryAgain(PostboxError):
    """Transient: repeat the whole unit of work. Never counted against a message."""


class SetAside(PostboxError):
    """Permanent: set the message aside with `reason`, a word that operators can filter by."""

    reason = "rejected"


class Crash(PostboxError):
    """The program cannot go on; a person has to change something."""


class DatabaseUnavailable(TryAgain):
    """MongoDB did not answer in time, or lost the transaction. It may have been applied."""


class StaleState(TryAgain):
    """A versioned document was changed since it was read."""


class BrokerUnavailable(TryAgain):
    """RabbitMQ is unavailable, blocked, or did not confirm in time. The message may have landed."""


class MalformedMessage(SetAside):
    """The message is no CloudEvent, nor what the consumer's own decoder reads."""

    reason = "malformed"


class InvalidMessage(SetAside):
    """An event whose type, data or envelope the consumer's contract does not allow."""

    reason = "invalid"


class EventTooLarge(PostboxError):
    """An event over the outbox's limit was refused before it was written."""


class InvalidPayload(PostboxError):
    """An event has a value that cannot go over the wire unaltered; `path` says where.

    It was refused before anything was written.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class OutsideTransaction(PostboxError):
    """An outbox or an inbox was given a session that has no transaction."""


class WrongClient(PostboxError):
    """What was given is of another client than this module's; the text names the module for it."""


class ConfigurationError(Crash):
    """A variable is missing or wrong; the text names it."""


class DeclarationError(Crash):
    """A class cannot be an event, or a handler cannot be called; the text names it."""


class SchemaMismatch(Crash):
    """A collection or an index exists in another shape than the one that is needed."""


class TopologyMismatch(Crash):
    """An exchange or queue exists with other arguments than the ones asked for."""
