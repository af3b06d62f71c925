"""Who asks for Stripe at a desk, and names no key of it, gets it from the simulator."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from stack.layout import Layout
from stack.programs import Options, Programs

REAL = {"STRIPE_API_KEY": "sk_live_1", "STRIPE_WEBHOOK_SECRETS": "whsec_1"}


def environments(folder: Path, **asked: str) -> dict[str, Mapping[str, str]]:
    """What each program is given."""
    programs = Programs(Layout(folder), Options(environment=asked))
    return {one.name: one.environment for wave in programs.waves() for one in wave}


def test_the_simulator_opens_its_second_door(tmp_path: Path) -> None:
    given = environments(tmp_path, PAYMENT_PROVIDER="stripe")
    payment, provider = given["payment"], given["provider"]
    assert payment["STRIPE_BASE_ADDRESS"] == payment["PROVIDER_URL"]
    assert payment["STRIPE_API_KEY"] == provider["STRIPE_API_KEY"]
    assert payment["STRIPE_WEBHOOK_SECRETS"] == provider["STRIPE_WEBHOOK_SECRET"]
    assert provider["WEBHOOK_URL"].endswith("/payment/stripe")


@pytest.mark.parametrize("provider", ["stripe", ""])
def test_a_key_in_the_shell_does_not_reach_the_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    for name, value in {**REAL, "PAYMENT_PROVIDER": provider}.items():
        monkeypatch.setenv(name, value)
    given = environments(tmp_path)
    assert given["provider"]["STRIPE_API_KEY"] == ""
    assert given["provider"]["WEBHOOK_URL"].endswith("/payment/captured")
    assert given["payment"]["STRIPE_API_KEY"] == "sk_live_1"
    assert "STRIPE_BASE_ADDRESS" not in given["payment"]
