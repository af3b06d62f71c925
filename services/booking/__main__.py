"""`python -m services.booking`: runs in the foreground, ends on SIGTERM."""

from postbox.program import run
from services.booking.bootstrap import main

if __name__ == "__main__":
    run("booking", main, subject="intent_id")
