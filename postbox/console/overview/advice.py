"""What each trouble means, and what to do about it: the words of docs/operating.md."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Advice:
    """`means` and `do` as docs/operating.md has them."""

    title: str
    means: str
    do: str


ADVICE: Final[dict[str, Advice]] = {
    "ProgramDown": Advice(
        "A program is down",
        "a program does not answer at all",
        "Its supervisor starts it again; if that does not last, the end of its log says why. Where"
        " nothing supervises it, start it.",
    ),
    "ProgramNotReady": Advice(
        "A program cannot do its work",
        "it lives and cannot do its work",
        "Its /readyz names the part and the reason: usually a server that is unavailable, and it"
        " goes on by itself when that is back.",
    ),
    "NoRelayLeads": Advice(
        "No relay leads",
        "nobody publishes this source",
        "See that a relay runs for this source, and what its log and its /readyz say. Events wait"
        " in the outbox meanwhile, and go out by themselves.",
    ),
    "OutboxLag": Advice(
        "Events wait in the outbox",
        "committed events are not published",
        "With a leader, the relay's /readyz and log say whether the broker refuses, blocks or is"
        " unavailable. Without one, start a relay.",
    ),
    "RelayTokenOld": Advice(
        "The relay's position is lost",
        "past the oplog's window all pending rows are read instead, which is slower and loses"
        " nothing",
        "See that a relay leads, and that the oplog keeps 72 hours.",
    ),
    "EventParked": Advice(
        "An event is parked",
        "an event can never be published as it is; the others go on",
        "The reason names the value that cannot go over the wire. Mend the row, or the relay, then"
        " put it back.",
    ),
    "DeadLettersWait": Advice(
        "Dead letters wait",
        "a consumer gave a message up",
        "Mend the cause, then redrive: a repeat is found in the inbox. Or drop it: its consumer"
        " will never have had this event.",
    ),
    "EventsUnrouted": Advice(
        "Events that no queue wanted",
        "an event that no queue wanted is kept in events.unrouted",
        "Its binding was missing, or its type is new. Services declare the whole topology again"
        " every few seconds; when the binding stands, redrive.",
    ),
    "NoConsumer": Advice(
        "Nobody empties a queue",
        "events wait in it, and are not lost",
        "Start the queue's consumer, or see at its /readyz what keeps it from its work.",
    ),
    "QueueFull": Advice(
        "A queue is full",
        "a full queue takes no more, and what is for it waits in the outbox",
        "See why nobody empties it: whether its consumer runs, and what its /readyz says. When"
        " there is room again, everything goes on by itself.",
    ),
    "BindingMissing": Advice(
        "A binding is missing",
        "a queue without its binding gets no events of that type, in silence where another queue"
        " takes them",
        "Bind it again here, or start a service, which declares the whole topology. Then redrive"
        " what no queue wanted, and replay what went out meanwhile: postbox relay replay.",
    ),
    "QueueMissing": Advice(
        "A queue is missing",
        "what is for it alone goes to events.unrouted",
        "Services declare the whole topology when they start and every few seconds: start the one"
        " that consumes it, or see that the name is right in CONSOLE_QUEUES.",
    ),
    "SourceUnavailable": Advice(
        "A database is unavailable",
        "while a server is unavailable, events stay in the outbox or in their queue, and go on by"
        " themselves when it is back",
        "See the server. Nothing has to be restarted.",
    ),
    "BrokerUnavailable": Advice(
        "The broker is unavailable",
        "while a server is unavailable, events stay in the outbox or in their queue, and go on by"
        " themselves when it is back",
        "See the server: its memory, its disk, its log. Nothing has to be restarted.",
    ),
    "BrokerApiUnavailable": Advice(
        "The broker's management API is unavailable",
        "bindings, limits and rates are then unknown to the console; no event waits for it",
        "See CONSOLE_BROKER_API: the address, the user and its password, and whether the plugin"
        " rabbitmq_management is enabled. A broker that is down or frozen answers nothing either.",
    ),
}
