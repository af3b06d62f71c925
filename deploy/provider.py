"""`python -m deploy.provider`: the payment provider's simulator, where other containers reach it.

`python -m stack.provider` listens on loopback alone, which in a container nobody else can reach.
"""

import signal
import sys
from contextlib import closing
from types import FrameType
from typing import Final

import uvicorn

from stack.provider.app import Api
from stack.provider.connection import Connection
from stack.provider.database import open_database
from stack.provider.endpoint import Endpoint
from stack.provider.ledger import Ledger
from stack.provider.operations import Operations
from stack.provider.settings import InvalidSettingError, Settings
from stack.provider.webhooks import Dispatcher, OwedWebhooks

ALL_INTERFACES: Final = "0.0.0.0"
KEEP_ALIVE_S: Final = 60
SHUTDOWN_S_MAX: Final = 1


def main() -> None:
    try:
        settings = Settings.from_environment()
    except InvalidSettingError as error:
        sys.exit(f"provider: {error}")
    # uvicorn stops in good order, then raises the signal again: that must not kill us.
    signal.signal(signal.SIGTERM, _exit)
    with closing(open_database(settings.database)) as connection:
        ledger, owed = Ledger(connection), OwedWebhooks(connection)
        dispatcher = Dispatcher(owed, Endpoint(settings.webhook_url), settings.signer)
        api = Api(ledger, owed, Operations(connection, ledger, owed), dispatcher)
        uvicorn.run(
            api.application(),
            host=ALL_INTERFACES,
            port=settings.port,
            loop="uvloop",
            http=Connection,
            ws="none",
            lifespan="on",
            access_log=False,
            log_level="warning",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S_MAX,
        )


def _exit(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
