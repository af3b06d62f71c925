"""`python -m services.gateway`: runs in the foreground, ends on SIGTERM."""

from postbox.program import run
from services.gateway.bootstrap import main

if __name__ == "__main__":
    run("gateway", main, subject="intent_id")
