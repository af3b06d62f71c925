"""Celery: tasks that apply each event once in effect, and the bridge that sends them.

    app = Celery("mail", broker=..., broker_transport_options={"confirm_publish": True})
    events = EventTasks(app, database, queue="mail")

    @events.on(OrderPlaced)
    def mail(session: ClientSession, placed: OrderPlaced) -> None: ...

    Bridge(events, uri=...).run()  # in a process of its own, beside `celery worker`

A worker deletes whatever no Celery client wrote, so it never consumes a queue of events: the bridge
does, and acknowledges an event once the broker has confirmed its task. Needs the extra `celery`.
"""

from postbox.extras import requires

with requires("celery"):
    from postbox.integrations.celery.bridge import Bridge
    from postbox.integrations.celery.tasks import EventTasks

__all__ = ["Bridge", "EventTasks"]
