"""A program's command line: help that tells every variable, and options that set one."""

import os
import subprocess
import sys

import pytest

from postbox.service import ServiceSettings, Settings, read_arguments
from relay.settings import RelaySettings
from services.booking.settings import BookingSettings
from services.gateway.settings import GatewaySettings
from services.payment.settings import PaymentSettings

PROGRAMS: list[tuple[str, type[Settings]]] = [
    ("relay", RelaySettings),
    ("services.gateway", GatewaySettings),
    ("services.booking", BookingSettings),
    ("services.payment", PaymentSettings),
]


@pytest.mark.parametrize(("program", "kind"), PROGRAMS)
def test_help_tells_every_variable_and_needs_none(program: str, kind: type[Settings]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", program, "--help"], capture_output=True, text=True, env={}
    )
    assert done.returncode == 0, done.stderr
    assert f"usage: python -m {program}" in done.stdout
    assert all(f"\n  {name.upper()} " in done.stdout for name in kind.model_fields)


def test_an_option_sets_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_SHARD", "0/9")
    options = {"--shard": "RELAY_SHARD", "--shards": "RELAY_SHARDS"}
    read_arguments("relay", RelaySettings, options=options, arguments=["--shard", "1/4"])
    assert os.environ["RELAY_SHARD"] == "1/4"
    assert "RELAY_SHARDS" not in os.environ


def test_what_is_not_understood_ends_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_arguments("services.gateway", ServiceSettings, arguments=["--port", "1"])
    assert ended.value.code == 2
    assert "--port" in capsys.readouterr().err
