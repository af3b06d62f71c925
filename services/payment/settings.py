"""The payment service's configuration."""

import binascii
from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, PositiveFloat, SecretStr
from standardwebhooks import Webhook

from postbox.settings import Port, ServiceSettings


def _usable(secret: SecretStr) -> SecretStr:
    try:
        Webhook(secret.get_secret_value())
    except (ValueError, RuntimeError, binascii.Error) as error:
        raise ValueError("expected whsec_ and base64, as Standard Webhooks has it") from error
    return secret


class PaymentSettings(ServiceSettings):
    """Keeps payments and refunds, and talks to the payment provider."""

    payment_port: Port = 3002
    provider_url: AnyHttpUrl
    """The payment provider's API."""
    webhook_secret: Annotated[SecretStr, AfterValidator(_usable)]
    """The provider signs its web-hooks with it (Standard Webhooks)."""
    reconcile_interval_s: PositiveFloat = 60
    """How often the provider's list is read for charges that no web-hook told of."""
    payment_timeout_s: PositiveFloat = 900
    """The booking service's time limit for a pending booking."""
    intent_timeout_s: PositiveFloat = 900
    """Its other one; a payment that no booking has judged beyond both is alarmed."""
