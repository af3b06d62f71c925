"""Commands run to their end, bounded in time; a failure says what the command said."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from deploy.errors import DeployError

LIMIT_S: Final = 900
SAID_CHARS_MAX: Final = 2_000


def run(
    command: Sequence[str],
    *,
    why: str,
    environment: Mapping[str, str] | None = None,
    given: bytes | None = None,
    limit_s: float = LIMIT_S,
) -> str:
    """Returns what the command printed; DeployError with `why` and its last words if it fails."""
    done = attempt(command, environment=environment, given=given, limit_s=limit_s)
    if done.returncode != 0:
        said = (done.stderr + done.stdout).decode(errors="replace").strip()[-SAID_CHARS_MAX:]
        raise DeployError(f"{why}: `{' '.join(command[:4])}` failed:\n{said}")
    return done.stdout.decode(errors="replace").strip()


def attempt(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    given: bytes | None = None,
    limit_s: float = LIMIT_S,
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command, whether it succeeds or not. One that is late counts as failed."""
    try:
        return subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(command, 124, late.stdout or b"", b"took too long")
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(command, 127, b"", str(error).encode())
