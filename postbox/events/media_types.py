"""What a body says by its content type: a JSON value, text, or bytes as they are."""

from contextlib import suppress
from typing import Any, Final

import orjson

from postbox.errors import MalformedMessage
from postbox.events import strict_json

_CHARSET: Final = "charset="


def media_type(content_type: str) -> str:
    """Without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    """Whether it is JSON: `application/json`, `text/json`, `application/vnd.shop+json`."""
    kind = media_type(content_type)
    return kind.endswith(("/json", "+json"))


def content(body: bytes, content_type: str | None) -> Any:
    """JSON's value, text of `text/*`, bytes of any other type; None of an empty body.

    A body without a content type counts as JSON. One that is to be JSON and is not is text, for so
    the official SDKs write a text in binary mode; where it is no text either, bytes.
    MalformedMessage for a name that is twice in an object, and for text in another charset than it
    says.
    """
    if not body:
        return None
    if content_type is None or is_json(content_type):
        return _json(body)
    if media_type(content_type).startswith("text/"):
        return _text(body, content_type)
    return body


def _json(body: bytes) -> Any:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        with suppress(UnicodeDecodeError):
            return body.decode()
        return body
    return strict_json.loads(body, "the data")


def _text(body: bytes, content_type: str) -> str:
    parameters = (part.strip() for part in content_type.split(";")[1:])
    named = (part[len(_CHARSET) :] for part in parameters if part.lower().startswith(_CHARSET))
    charset = next(named, "utf-8").strip("\"'")
    try:
        return body.decode(charset)
    except (LookupError, ValueError) as error:
        raise MalformedMessage(f"the data is not {content_type!r}: {error}") from error
