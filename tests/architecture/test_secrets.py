"""A secret that gets into the tree is found, and not shown; words that stand for one are none."""

from pathlib import Path

import pytest

from tests.secrets_check import SHAPES, found_in, main

# Put together here: whole ones would be found in this file.
SECRETS = [
    "-----BEGIN EC " + "PRIVATE KEY-----",
    '"d": ' + f'"{"x" * 43}"',
    "eyJhbGciOiJFUzI1NiJ9." + "eyJzdWIiOiJhZGEifQ." + "c2lnbmF0dXJl",
    "whsec_" + "c2VjcmV0" * 4,
    "sk_live_" + "4eC39HqLyjWDarjt",
    "rk_test_" + "4eC39HqLyjWDarjt",
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "ghp_" + "a" * 36,
    "github_pat_" + "a" * 82,
    "AIza" + "a" * 35,
    "xoxb-" + "123456789012-abc",
    "pypi-AgE" + "a" * 60,
    "npm_" + "a" * 36,
    "mongodb://shop:" + "hunter22" + "@db.example/shop",
]


@pytest.mark.parametrize(("secret", "shape"), list(zip(SECRETS, SHAPES, strict=True)))
def test_a_secret_is_found_and_not_shown(
    secret: str, shape: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"a: 1\nb: '{secret}'\n")
    assert main([str(path)]) == 1
    shown = capsys.readouterr().out
    assert f"{path}:2: {shape[0]}" in shown
    assert secret not in shown


@pytest.mark.parametrize(
    "text", ["amqp://guest:guest@localhost", "mongodb://user:password@host", "whsec_...", "eyJ"]
)
def test_what_stands_for_a_secret_is_none(text: str) -> None:
    assert list(found_in(text)) == []
