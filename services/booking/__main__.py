"""`python -m services.booking`: runs in the foreground, ends on SIGTERM."""

from postbox.service import read_arguments, run
from services.booking.bootstrap import main
from services.booking.settings import BookingSettings

if __name__ == "__main__":
    read_arguments("services.booking", BookingSettings)
    run("booking", main, subject="intent_id")
