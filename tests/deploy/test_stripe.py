"""The images can reach Stripe, and compose hands on what says so."""

import re
from pathlib import Path

from services.payment.provider.settings import ProviderSettings

ROOT = Path(__file__).resolve().parents[2]


def test_the_images_have_stripe_s_sdk() -> None:
    locked = (ROOT / "requirements.lock").read_text()
    assert re.search(r"^stripe==16\.", locked, re.MULTILINE)


def test_compose_hands_on_each_variable_of_the_provider() -> None:
    compose = (ROOT / "deploy" / "compose.yaml").read_text()
    _, _, payment = compose.partition("x-payment:")
    handed_on = set(re.findall(r"^    ([A-Z_]+):", payment.partition("\nx-")[0], re.MULTILINE))
    assert handed_on >= {name.upper() for name in ProviderSettings.model_fields}
    assert "STRIPE_WEBHOOK_SECRETS" in handed_on
