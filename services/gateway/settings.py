"""The gateway's configuration."""

from postbox.settings import Port, ServiceSettings


class GatewaySettings(ServiceSettings):
    """Takes wishes over HTTP and shows what became of them."""

    gateway_port: Port = 3000
