"""The gateway's configuration."""

from postbox.service import Port, ServiceSettings


class GatewaySettings(ServiceSettings):
    """Takes intents over HTTP and shows what became of them."""

    gateway_port: Port = 3000
    """The port to serve HTTP on."""
