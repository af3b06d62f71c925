"""Configuration by environment variables, checked at the start; an error names the variable."""

from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, AmqpDsn, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from postbox.errors import ConfigurationError

Port = Annotated[int, Field(ge=0, le=65535)]
"""0: any free port, which the log names."""
DAY_S = 86_400
RETENTION_S_MAX = 2**31 - 1
"""The longest expiry that an index of MongoDB's may have."""
Retention = Annotated[int, Field(ge=60, le=RETENTION_S_MAX)]


def _mongo_uri(text: str) -> str:
    # The driver checks the rest. It alone knows lists of hosts, and mongodb+srv without a port.
    if not text.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("expected mongodb://host/database")
    return text


MongoUri = Annotated[str, AfterValidator(_mongo_uri)]
ALL_INTERFACES = "0.0.0.0"


class Settings(BaseSettings):
    """Base of a program's settings: field `mongo_uri` is read from the variable `MONGO_URI`."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, use_attribute_docstrings=True
    )


class ServiceSettings(Settings):
    """What every service needs: its own database (named in the URI's path) and the broker."""

    mongo_uri: MongoUri
    """mongodb://host/database: the service's own database is in its path."""
    rabbitmq_uri: AmqpDsn
    """amqp://user:password@host/"""
    http_host: str = ALL_INTERFACES
    """The address to serve HTTP on, such as 127.0.0.1."""
    outbox_retention_s: Retention = 7 * DAY_S
    """Seconds that a published row is kept; one that is not published never expires."""
    inbox_retention_s: Retention = 30 * DAY_S
    """Seconds that a consumer remembers an event; longer than any dead letter is kept."""


S = TypeVar("S", bound=Settings)


def load(kind: type[S]) -> S:
    """Read and check all variables. ConfigurationError lists each one that is missing or wrong."""
    try:
        return kind()
    except ValidationError as error:
        problems = (
            f"{'.'.join(str(part) for part in one['loc']).upper()}: "
            f"{'not set' if one['type'] == 'missing' else one['msg']}"
            for one in error.errors()
        )
        raise ConfigurationError("; ".join(problems)) from error
