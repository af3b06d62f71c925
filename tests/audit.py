"""`python -m tests.audit`: whether a locked dependency has a known vulnerability, by pip-audit.

It asks the advisory database of OSV, which has to be reachable. PyPI's own is not asked: behind a
mirror it knows no package, and pip-audit would take that for good news. Exits with 1 where anything
is found, with 2 where nothing could be asked.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx

ADVISORIES: Final = "https://api.osv.dev"
PIP_AUDIT: Final = "pip-audit==2.10.1"
LIMIT_S: Final = 10.0
NOT_DONE: Final = 2


def main() -> int:
    try:
        httpx.get(ADVISORIES, timeout=LIMIT_S)
    except httpx.HTTPError as error:
        print(f"audit: not done, for {ADVISORIES} cannot be reached: {error}", file=sys.stderr)
        return NOT_DONE
    uvx = Path(sys.executable).with_name("uvx")
    options = ("--vulnerability-service", "osv", "--require-hashes", "--disable-pip")
    command = (str(uvx), "--quiet", PIP_AUDIT, *options, "-r", "requirements-dev.lock")
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
