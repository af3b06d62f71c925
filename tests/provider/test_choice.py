"""Which provider is asked for, and what is said where it cannot be had."""

import sys

import pytest

from postbox.errors import ConfigurationError
from postbox.service import load
from services.payment.provider.choice import open_provider
from services.payment.provider.port import HttpProvider
from services.payment.provider.settings import ProviderSettings
from services.payment.settings import PaymentSettings

STRIPE = {"PAYMENT_PROVIDER": "stripe", "STRIPE_API_KEY": "sk_test_1"}
ROOM = "services.payment.provider.stripe"


@pytest.fixture
def without_stripe(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed."""
    for name in [one for one in sys.modules if one == ROOM or one.startswith(f"{ROOM}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "stripe", None)


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ProviderSettings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load(ProviderSettings)


@pytest.mark.usefixtures("without_stripe")
async def test_the_simulator_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = open_provider(settings(monkeypatch, PROVIDER_URL="http://127.0.0.1:1"))
    assert isinstance(provider, HttpProvider)
    await provider.close()


@pytest.mark.usefixtures("without_stripe")
def test_stripe_without_its_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_provider(settings(monkeypatch, **STRIPE))
    assert str(raised.value) == (
        "PAYMENT_PROVIDER: stripe is not installed: pip install 'postbox-mongo[stripe]'"
    )


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({}, "PROVIDER_URL"),
        ({"PAYMENT_PROVIDER": "stripe"}, "STRIPE_API_KEY"),
        (STRIPE, "STRIPE_WEBHOOK_SECRETS"),
        ({**STRIPE, "STRIPE_WEBHOOK_SECRETS": "whsec_1,"}, "STRIPE_WEBHOOK_SECRETS"),
        ({"PAYMENT_PROVIDER": "paypal"}, "PAYMENT_PROVIDER"),
    ],
)
def test_what_a_provider_needs_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], missing: str
) -> None:
    nowhere = {"MONGO_URI": "mongodb://127.0.0.1/x", "RABBITMQ_URI": "amqp://a:b@127.0.0.1/"}
    for name, value in {**nowhere, **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"{missing}:"):
        load(PaymentSettings)
