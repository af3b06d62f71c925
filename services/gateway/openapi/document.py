"""The whole description, of a gateway that asks for tokens or of one that does not."""

from typing import Any, Final

from services.gateway.openapi.paths import paths
from services.gateway.openapi.schemas import schemas

_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The subject is the user; the scope `bookings:operate` may act for every user.",
}


def document(*, asks_for_tokens: bool) -> dict[str, Any]:
    """As OpenAPI 3.1 has it."""
    components = {"schemas": schemas(user_is_required=not asks_for_tokens)}
    described = {
        "openapi": "3.1.0",
        "info": {
            "title": "Booking gateway",
            "version": "1.0.0",
            "description": "A customer who was charged ends with a booking or with the money back.",
        },
        "paths": paths(asks_for_tokens=asks_for_tokens),
        "components": components,
    }
    if not asks_for_tokens:
        return described
    components["securitySchemes"] = {"token": _TOKEN}
    return {**described, "security": [{"token": []}]}
