"""The gateway's configuration."""

from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from postbox.service import Port, ServiceSettings
from services.gateway.access.caller import is_loopback

LOOPBACK: Final = "127.0.0.1"


class Auth(StrEnum):
    """How callers say who they are."""

    NONE = "none"  # not at all: whoever reaches the gateway may do everything
    JWT = "jwt"


def _split(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _origins(text: str) -> str:
    for origin in _split(text):
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError(f"{origin} is no origin: expected https://host, or https://host:port")
    return text


def _proxies(text: str) -> str:
    for proxy in _split(text):
        try:
            ip_network(proxy)
        except ValueError as error:
            raise ValueError(f"{proxy} is no address, and no network such as 10.0.0.0/8") from error
    return text


class GatewaySettings(ServiceSettings):
    """Takes intents over HTTP and shows what became of them."""

    http_host: str = LOOPBACK
    """The address to serve HTTP on. Others reach it only if callers have to say who they are."""
    gateway_port: Port = 3000
    """The port to serve HTTP on."""
    gateway_auth_none_anywhere: bool = False
    """`true`: serve without authentication on an address that other machines reach."""
    gateway_auth: Auth = Field(default=Auth.NONE, validate_default=True)
    """Who may what: `jwt`, or `none` for everybody everything, on a loopback address alone."""
    jwt_jwks: str | None = Field(default=None, validate_default=True)
    """The issuer's public keys, a JWK Set: a URL or a file. RS256, ES256 and EdDSA are accepted."""
    jwt_issuer: str | None = Field(default=None, validate_default=True)
    """The `iss` that tokens must have."""
    jwt_audience: str | None = Field(default=None, validate_default=True)
    """The `aud` that tokens must have, perhaps among others."""

    gateway_caller_rate: PositiveFloat | None = None
    """Requests a second that one caller may make for long. Each gateway counts by itself."""
    gateway_caller_burst: PositiveInt = 50
    """Requests that a caller may make at once, where GATEWAY_CALLER_RATE is set."""
    gateway_caller_streams: PositiveInt = 50
    """Bookings that one caller may follow at once (server-sent events)."""
    gateway_connections_max: PositiveInt = 2_000
    """Connections at once; past it, the one that has waited longest for its client is closed."""
    gateway_trusted_proxies: Annotated[str, AfterValidator(_proxies)] | None = None
    """Addresses and networks, with commas, whose `X-Forwarded-For` says who asks."""
    gateway_cors_origins: Annotated[str, AfterValidator(_origins)] | None = None
    """Whose pages may call from a browser: `https://shop.example`, several with commas."""

    @property
    def cors_origins(self) -> list[str]:
        """The origins, one by one."""
        return _split(self.gateway_cors_origins or "")

    @property
    def trusted_proxies(self) -> list[str]:
        """The addresses and networks, one by one."""
        return _split(self.gateway_trusted_proxies or "")

    @field_validator("gateway_auth")
    @classmethod
    def _open_on_loopback_alone(cls, auth: Auth, info: ValidationInfo) -> Auth:
        host = info.data.get("http_host", "")
        is_allowed = info.data.get("gateway_auth_none_anywhere") or is_loopback(host)
        if auth is Auth.NONE and not is_allowed:
            raise ValueError(
                f"none is refused on HTTP_HOST={host}, where others reach it: set GATEWAY_AUTH=jwt,"
                " HTTP_HOST=127.0.0.1, or GATEWAY_AUTH_NONE_ANYWHERE=true"
            )
        return auth

    @field_validator("jwt_jwks", "jwt_issuer", "jwt_audience")
    @classmethod
    def _given_for_tokens(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("gateway_auth") is Auth.JWT:
            raise ValueError("GATEWAY_AUTH=jwt needs it")
        return value
