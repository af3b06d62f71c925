"""Stripe's form encoding: `metadata[trip]=7&expand[0]=charge` is an object of objects."""

import re
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from stack.provider.stripe.errors import StripeError, invalid_request

FIELDS_MAX: Final = 200
_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
Model = TypeVar("Model", bound=BaseModel)


def read_form(text: str, model: type[Model]) -> Model:
    """The parameters as `model`; a StripeError of 400 that names the one which is wrong."""
    try:
        return model.model_validate(nested(text))
    except ValidationError as error:
        raise _of(error) from None


def nested(text: str) -> dict[str, Any]:
    """The parameters, with an object for each pair of brackets; a list has its places as names."""
    found: dict[str, Any] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError as error:
        raise invalid_request(f"Invalid form: {error}") from None
    for name, value in pairs:
        match = _NAME.fullmatch(name)
        if match is None:
            raise invalid_request(f"Invalid parameter name: {name}", param=name)
        *outer, last = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        place: Any = found
        for key in outer:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise invalid_request("Invalid parameters: a value and an object", param=name)
        place[last or str(len(place))] = value
    return found


def _of(error: ValidationError) -> StripeError:
    first = error.errors(include_url=False)[0]
    param = "".join(
        f"[{part}]" if place else str(part) for place, part in enumerate(map(str, first["loc"]))
    )
    match first["type"]:
        case "extra_forbidden":
            message, code = f"Received unknown parameter: {param}", "parameter_unknown"
        case "missing":
            message, code = f"Missing required param: {param}.", "parameter_missing"
        case _:
            message, code = f"Invalid {param}: {first['msg']}", "parameter_invalid"
    return invalid_request(message, param=param, code=code)
