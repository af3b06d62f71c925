"""The image's health check: whether the program in this container answers `/healthz`.

The program is known by the one port variable that its container sets.
"""

import os
import sys
import urllib.request
from typing import Final

PORTS: Final = (
    *("GATEWAY_PORT", "BOOKING_PORT", "PAYMENT_PORT", "RELAY_PORT", "PROVIDER_PORT"),
    "CONSOLE_PORT",
)
TIMEOUT_S: Final = 2.0


def main() -> None:
    port = next((os.environ[name] for name in PORTS if name in os.environ), None)
    if port is None:
        sys.exit(f"the container sets none of {', '.join(PORTS)}")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=TIMEOUT_S):
        pass  # any status but 2xx raises


if __name__ == "__main__":
    main()
