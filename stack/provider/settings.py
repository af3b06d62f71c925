"""The settings of the simulator, from its environment: valid, or one line that says why not."""

import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

LOOPBACK = "127.0.0.1"
VARIABLES = {
    "PROVIDER_PORT": "the port to listen on",
    "PROVIDER_DB": "path of the SQLite file that holds the ledger; made if absent",
    "WEBHOOK_URL": "where webhooks are sent",
    "WEBHOOK_SECRET": "the secret they are signed with (Standard Webhooks, base64)",
}
OPTIONAL = {
    "HTTP_HOST": "the address to listen on; loopback, unless others have to reach it",
    "STRIPE_API_KEY": "opens a second door, which speaks Stripe's API to who has this key",
    "STRIPE_WEBHOOK_SECRET": "required with it: webhooks are then Stripe's, signed with this",
}


class InvalidSettingError(Exception):
    """A variable is missing or wrong; the message names it."""


@dataclass(frozen=True, kw_only=True)
class StripeSettings:
    """Of the door that speaks Stripe's API."""

    api_key: str
    webhook_secret: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    host: str
    port: int
    database: Path
    webhook_url: str
    webhook_secret: Webhook
    stripe: StripeSettings | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        for name, meaning in VARIABLES.items():
            if not environment.get(name):
                raise InvalidSettingError(f"{name} is not set: {meaning}")
        return cls(
            host=environment.get("HTTP_HOST") or LOOPBACK,
            port=_port(environment["PROVIDER_PORT"]),
            database=_file(environment["PROVIDER_DB"]),
            webhook_url=_url(environment["WEBHOOK_URL"]),
            webhook_secret=_secret(environment["WEBHOOK_SECRET"]),
            stripe=_stripe(environment),
        )


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise InvalidSettingError(f"PROVIDER_PORT is not a port: {text}")
    return int(text)


def _file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise InvalidSettingError(f"PROVIDER_DB lies in a folder that does not exist: {text}")
    return path


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise InvalidSettingError(f"WEBHOOK_URL is not an http(s) URL: {text}")
    return text


def _secret(text: str) -> Webhook:
    try:
        return Webhook(text)
    except (binascii.Error, ValueError, EmptyWebhookSecretError) as error:
        raise InvalidSettingError(f"WEBHOOK_SECRET is not base64: {error}") from error


def _stripe(environment: Mapping[str, str]) -> StripeSettings | None:
    given = {name: environment.get(name) for name in ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET")}
    if not any(given.values()):
        return None
    for name, value in given.items():
        if not value:
            raise InvalidSettingError(f"{name} is not set: {OPTIONAL[name]}")
    key, secret = given.values()
    return StripeSettings(api_key=key or "", webhook_secret=secret or "")
