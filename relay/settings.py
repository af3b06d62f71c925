"""The relay's configuration, by environment variables."""

from typing import Annotated, Final

from pydantic import AmqpDsn, BeforeValidator, Field
from pydantic_settings import NoDecode

from postbox.settings import ALL_INTERFACES, Port, Settings
from postbox.source import Shard, Source
from relay.options import Options

_DEFAULTS: Final = Options()


def _sources(value: object) -> object:
    return Source.parse_all(value) if isinstance(value, str) else value


def _shard(value: object) -> object:
    return Shard.parse(value) if isinstance(value, str) else value


class RelaySettings(Settings):
    """RELAY_SOURCES and RABBITMQ_URI have to be set; the rest has defaults."""

    relay_sources: Annotated[tuple[Source, ...], NoDecode, BeforeValidator(_sources)]
    rabbitmq_uri: AmqpDsn
    http_host: str = ALL_INTERFACES
    relay_port: Port = 3003
    relay_shard: Annotated[Shard, NoDecode, BeforeValidator(_shard)] = Shard()
    relay_lease_s: Annotated[float, Field(ge=1, le=60)] = _DEFAULTS.lease_s
    relay_sweep_every_s: Annotated[float, Field(gt=0)] = _DEFAULTS.sweep_every_s
    relay_sweep_age_s: Annotated[float, Field(gt=0)] = _DEFAULTS.sweep_age_s

    @property
    def options(self) -> Options:
        return Options(
            lease_s=self.relay_lease_s,
            sweep_every_s=self.relay_sweep_every_s,
            sweep_age_s=self.relay_sweep_age_s,
        )
