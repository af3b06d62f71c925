"""What schemathesis has to know of our services: it loads this module in a process of its own.

Webhooks are signed, as the provider signs them, unless it is the signature that a case is about. Of
what is valid by the schema, that alone may be refused which a schema cannot say.
"""

import os
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import requests
import schemathesis
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance
from standardwebhooks import Webhook

SECRET: Final = "DESCRIBED_WEBHOOK_SECRET"
SIGNED: Final = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature"})
BEYOND_A_SCHEMA: Final = frozenset({"cursor", "to", "Idempotency-Key", "currency", "slot"})
"""A cursor is one that an earlier page gave; `to` is after `from`; a key goes with one body; not
each three letters are a currency; a slot is to come, and on the grid. Nor can a schema tell 1.0
from 1, and money is written without a fraction."""


@schemathesis.hook
def before_call(_context: Any, case: Case[Any], _kwargs: Any) -> None:
    secret = os.environ.get(SECRET)
    headers = {str(name).lower() for name in case.headers}
    if secret is None or not headers >= SIGNED or _is_about_headers(case):
        return
    sent: Any = requests.Request(**case.as_transport_kwargs()).prepare().body or ""
    body = sent if isinstance(sent, str) else sent.decode("utf-8", "surrogateescape")
    message_id, at = f"msg-{uuid4()}", datetime.now(UTC)
    case.headers.update(
        {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(message_id, at, body),
        }
    )


def _is_about_headers(case: Case[Any]) -> bool:
    return case.meta is None or any(
        location.value == "header" and component.mode.is_negative
        for location, component in case.meta.components.items()
    )


@schemathesis.check
def valid_data_is_accepted(
    ctx: Any, response: schemathesis.Response, case: Case[Any]
) -> bool | None:
    field = response.json()["field"] if response.status_code == 422 else ""
    is_fraction = isinstance(case.body, dict) and isinstance(case.body.get("amount"), float)
    if field.partition(".")[0] in BEYOND_A_SCHEMA or (field == "amount" and is_fraction):
        return None
    return positive_data_acceptance(ctx, response, case)
