"""deploy/.env: the secrets, drawn once and kept, and the images, written anew each time."""

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ENVIRONMENT: Final = Path(__file__).with_name(".env")
SECRET_BYTES: Final = 32
PASSWORDS: Final = (
    "POSTBOX_ADMIN_PASSWORD",
    "GATEWAY_PASSWORD",
    "BOOKING_PASSWORD",
    "PAYMENT_PASSWORD",
    "RELAY_PASSWORD",
    "CONSOLE_PASSWORD",
    "CONSOLE_SIGN_IN",
    "MONGO_KEY",
    "RABBITMQ_COOKIE",
)
SIGN_IN_HASH: Final = "CONSOLE_PASSWORD_HASH"
_OURS_ALONE: Final = 0o600


def write(path: Path, settings: Mapping[str, str]) -> None:
    """Writes `settings`, all of them anew, and the secrets, which stay as they were."""
    old = _read(path)
    drawn = {name: old.get(name) or secrets.token_hex(SECRET_BYTES) for name in PASSWORDS}
    webhook = old.get("WEBHOOK_SECRET") or _webhook_secret()
    hashed = old.get(SIGN_IN_HASH) or _hashed(drawn["CONSOLE_SIGN_IN"])
    lines = {**drawn, "WEBHOOK_SECRET": webhook, SIGN_IN_HASH: hashed, **settings}
    part = path.with_name(path.name + ".part")
    part.touch(mode=_OURS_ALONE)
    part.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    os.replace(part, path)


def _hashed(password: str) -> str:
    """As the console keeps the password of who signs in."""
    command = (sys.executable, "-m", "postbox.console", "hash")
    made = subprocess.run(command, input=password, capture_output=True, text=True, check=True)
    return made.stdout.strip()


def _webhook_secret() -> str:
    """As Standard Webhooks has it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name: value for name, _, value in pairs}
