"""The payment service's configuration."""

import binascii
from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, PositiveFloat, SecretStr
from standardwebhooks import Webhook

from postbox.service import Port, ServiceSettings


def _usable(secret: SecretStr) -> SecretStr:
    try:
        Webhook(secret.get_secret_value())
    except (ValueError, RuntimeError, binascii.Error) as error:
        raise ValueError("expected whsec_ and base64, as Standard Webhooks has it") from error
    return secret


class PaymentSettings(ServiceSettings):
    """Keeps payments and refunds, and talks to the payment provider."""

    payment_port: Port = 3002
    """The port to serve HTTP on."""
    provider_url: AnyHttpUrl
    """The payment provider's API."""
    webhook_secret: Annotated[SecretStr, AfterValidator(_usable)]
    """The provider signs its webhooks with it (Standard Webhooks)."""
    reconcile_interval_s: PositiveFloat = 60
    """Seconds between two readings of the provider's list for charges that no webhook reported."""
    payment_timeout_s: PositiveFloat = 900
    """As the booking service has it."""
    intent_timeout_s: PositiveFloat = 900
    """As the booking service has it; a payment not judged after both limits raises an alarm."""
