"""`python -m services.gateway`: runs in the foreground, ends on SIGTERM."""

import sys

from postbox.service import read_arguments, run
from services.gateway import forget
from services.gateway.bootstrap import main
from services.gateway.settings import GatewaySettings

if __name__ == "__main__":
    if sys.argv[1:2] == [forget.NAME]:
        sys.exit(forget.main(sys.argv[2:]))
    read_arguments("services.gateway", GatewaySettings, commands={forget.NAME: forget.ABOUT})
    run("gateway", main, subject="intent_id")
