"""`python -m services.gateway`: runs in the foreground, ends on SIGTERM."""

from postbox.service import read_arguments, run
from services.gateway.bootstrap import main
from services.gateway.settings import GatewaySettings

if __name__ == "__main__":
    read_arguments("services.gateway", GatewaySettings)
    run("gateway", main, subject="intent_id")
