"""The gateway's configuration."""

from postbox.settings import Port, ServiceSettings


class GatewaySettings(ServiceSettings):
    gateway_port: Port = 3000
