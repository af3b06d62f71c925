"""`python -m services.payment`: runs in the foreground, ends on SIGTERM."""

from postbox.service import read_arguments, run
from services.payment.bootstrap import main
from services.payment.settings import PaymentSettings

if __name__ == "__main__":
    read_arguments("services.payment", PaymentSettings)
    run("payment", main, subject="intent_id")
