"""`python -m services.payment`: runs in the foreground, ends on SIGTERM."""

import sys

from postbox.service import read_arguments, run
from services.payment import reconcile
from services.payment.bootstrap import main
from services.payment.settings import PaymentSettings

if __name__ == "__main__":
    if sys.argv[1:2] == [reconcile.NAME]:
        sys.exit(reconcile.main(sys.argv[2:]))
    read_arguments("services.payment", PaymentSettings, commands={reconcile.NAME: reconcile.ABOUT})
    run("payment", main, subject="intent_id")
