"""`python -m services.payment`: runs in the foreground, ends on SIGTERM."""

from postbox.program import run
from services.payment.bootstrap import main

if __name__ == "__main__":
    run("payment", main, subject="intent_id")
