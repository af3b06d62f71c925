"""The row of an outbox as a contract: a JSON Schema in MongoDB's words, and its installing.

With it, the server refuses a row that the relay could only park. It asks no more than the relay
does: other producers need `type`, `subject` and `data` alone.
"""

from typing import Any, Final

from postbox.errors import SchemaMismatch
from postbox.mongo import Database, ensure_collections
from postbox.outbox.reading import SHORT_TEXT_BYTES_MAX

TITLE: Final = "An outbox row of Postbox"
STATES: Final = ("scheduled", "pending", "published", "parked")


def _optional(kind: str, description: str, **more: Any) -> dict[str, Any]:
    return {"bsonType": [kind, "null"], "description": description, **more}


ROW_SCHEMA: Final[dict[str, Any]] = {
    "title": TITLE,
    "bsonType": "object",
    "required": ["_id", "type", "subject", "data"],
    "properties": {
        "_id": {
            "bsonType": ["string", "objectId", "binData"],
            "description": "The event's id: a text, an ObjectId or a UUID (binary of subtype 4).",
        },
        "type": {
            "bsonType": "string",
            "minLength": 1,
            "maxLength": SHORT_TEXT_BYTES_MAX,
            "description": "The event's type, which is the routing key.",
        },
        "subject": {
            "bsonType": "string",
            "minLength": 1,
            "description": "What it is about: events of one subject keep their order.",
        },
        "data": {"bsonType": "object", "description": "What goes out, as JSON."},
        "source": _optional("string", "Where it comes from: /<the source's name>.", minLength=1),
        "time": _optional("date", "When it happened: the time of the insert."),
        "partition": {
            "bsonType": ["int", "long", "double", "null"],
            "minimum": 0,
            "maximum": 63,
            "description": "crc32 of the subject, modulo 64.",
        },
        "state": {
            "enum": [*STATES, None],
            "description": "pending where it is missing; a scheduled row goes out at deliver_at.",
        },
        "deliver_at": _optional("date", "When a scheduled row is to be published."),
        "claim": _optional("string", "Which relay publishes a scheduled row just now."),
        "headers": _optional("object", "More headers of the message."),
        "routing_key": _optional(
            "string", "In the place of the type.", minLength=1, maxLength=SHORT_TEXT_BYTES_MAX
        ),
        "traceparent": _optional("string", "The W3C trace context under which it happened."),
        "tracestate": _optional("string", "The rest of that context."),
        "published_at": _optional("date", "When the relay published it; it expires after that."),
        "parked": _optional("object", "Why the relay never publishes it, and since when."),
    },
}
VALIDATOR: Final[dict[str, Any]] = {"$jsonSchema": ROW_SCHEMA}


async def install_schema(database: Database, collection: str) -> None:
    """Have the server check every new row of an outbox, and make the collection if it is missing.

    Rows that are there already may stay as they are. SchemaMismatch where the collection has a
    validator that is not of Postbox, which is left alone.
    """
    await ensure_collections(database, collection)
    cursor = await database.list_collections(filter={"name": collection})
    (found,) = await cursor.to_list()
    known = found["options"].get("validator") or VALIDATOR
    if known.get("$jsonSchema", {}).get("title") != TITLE:
        raise SchemaMismatch(
            f"{database.name}.{collection} has a validator that is not of Postbox: remove it first,"
            " or add these rules to it"
        )
    await database.command(
        "collMod",
        collection,
        validator=VALIDATOR,
        # The relay parks what was written before: an update of such a row has to pass.
        validationLevel="moderate",
        validationAction="error",
    )
