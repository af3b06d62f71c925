"""Who paid is forgotten. What the books need stays: ids, amounts, and what became of them."""

from contracts.events import BookingUserForgotten
from contracts.values import FORGOTTEN
from postbox.mongo import Database, Session
from services.payment.rules.state import CaptureState


async def forget(session: Session, database: Database, event: BookingUserForgotten) -> None:
    """In the rows that the event names. A capture that is still asked for keeps what it needs."""
    version = {"v": 1}
    await database["payments"].update_many(
        {"_id": {"$in": list(event.payment_ids)}, "intent_id": event.intent_id},
        {"$set": {"user_id": event.alias}, "$inc": version},
        session=session,
    )
    await database["captures"].update_many(
        {
            "_id": {"$in": list(event.capture_ids)},
            "intent_id": event.intent_id,
            "state": {"$ne": CaptureState.REQUESTED.value},
        },
        {"$set": {"user_id": event.alias, "payment_method": FORGOTTEN}, "$inc": version},
        session=session,
    )
