"""The relay's configuration, by environment variables."""

from typing import Annotated, Final, Literal

from pydantic import AmqpDsn, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from postbox.outbox import Fields, Shard, Source
from postbox.rabbitmq import EXCHANGE, ContentMode, Declare
from postbox.service import ALL_INTERFACES, Port, Settings
from relay.options import Options

SHARED_SHARDS_MAX: Final = 16
"""One relay may have to lead them all; each needs a connection to both servers."""
_DEFAULTS: Final = Options()


def _sources(value: object) -> object:
    return Source.parse_all(value) if isinstance(value, str) else value


def _fields(value: object) -> object:
    return Fields.parse(value) if isinstance(value, str) else value


def _shard(value: object) -> object:
    return Shard.parse(value) if isinstance(value, str) else value


class RelaySettings(Settings):
    """Publishes the pending outbox rows of MongoDB to RabbitMQ, until it is stopped."""

    relay_sources: Annotated[tuple[Source, ...], NoDecode, BeforeValidator(_sources)]
    """name=mongodb://host/database,...: the outboxes to relay. One in another collection than
    `outbox` is name:collection=mongodb://host/database."""
    relay_fields: Annotated[Fields | None, NoDecode, BeforeValidator(_fields)] = None
    """subject=aggregateid,data=payload,headers=aggregatetype+tenant: the fields of rows of another
    shape, such as Debezium's. Nothing given: rows are as Postbox writes them."""
    rabbitmq_uri: AmqpDsn
    """amqp://user:password@host/"""
    relay_exchange: Annotated[str, Field(min_length=1)] = EXCHANGE
    """The exchange to publish to: the services' own, by their table of queues."""
    relay_declare: Declare = "all"
    """all: declare the exchange and its alternate; check: that the exchange is there, which needs
    no right to configure; none: neither."""
    relay_content_mode: Literal["structured", "binary"] = "structured"
    """structured: the body is the whole event; binary: the body is its data alone, and its
    attributes are headers."""
    relay_binary_prefix: Literal["ce-", "cloudEvents_"] = "ce-"
    """How the names of these headers begin: ce- (RabbitMQ's binding) or cloudEvents_ (AMQP's)."""
    http_host: str = ALL_INTERFACES
    """The address to serve HTTP on, such as 127.0.0.1."""
    relay_port: Port = 3003
    """The port to serve /healthz, /readyz and /metrics on."""
    relay_shard: Annotated[Shard | None, NoDecode, BeforeValidator(_shard)] = None
    """i/n: relay this shard alone."""
    relay_shards: Annotated[int | None, Field(ge=1, le=SHARED_SHARDS_MAX)] = None
    """n: divide each source into so many shards, shared evenly by the relays that are alive."""
    relay_lease_s: Annotated[float, Field(ge=1, le=60)] = _DEFAULTS.lease_s
    """Seconds that a relay which died keeps the others waiting."""
    relay_sweep_every_s: Annotated[float, Field(gt=0)] = _DEFAULTS.sweep_every_s
    """Seconds between two looks for pending rows that the change stream missed."""
    relay_sweep_age_s: Annotated[float, Field(gt=0)] = _DEFAULTS.sweep_age_s
    """Seconds that a row has to be pending before such a look publishes it."""

    @field_validator("relay_shards")
    @classmethod
    def _only_one_is_set(cls, shards: int | None, others: ValidationInfo) -> int | None:
        if shards is not None and others.data.get("relay_shard") is not None:
            raise ValueError("RELAY_SHARD is set too, which leaves nothing to share")
        return shards

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The one that was named, or all, shared with the other relays that are alive."""
        return (
            Shard.all(self.relay_shards or 1) if self.relay_shard is None else (self.relay_shard,)
        )

    @property
    def fields(self) -> Fields:
        return self.relay_fields or Fields()

    @property
    def content_mode(self) -> ContentMode:
        return ContentMode(
            self.relay_binary_prefix if self.relay_content_mode == "binary" else None
        )

    @property
    def options(self) -> Options:
        return Options(
            lease_s=self.relay_lease_s,
            sweep_every_s=self.relay_sweep_every_s,
            sweep_age_s=self.relay_sweep_age_s,
        )
