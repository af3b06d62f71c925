"""Private servers for tests and desks: mongod and RabbitMQ, on loopback, all in a folder of theirs.

Guarantees that a server never outlives the process that started it, touches nothing of the
system's, and has its data again when it is started on the same folder. The extra `embedded` brings
a mongod for Linux; RabbitMQ is the system's own (on Debian or Ubuntu, `rabbitmq-server`). Imports
errors.
"""

from postbox.embedded.background import Background
from postbox.embedded.errors import EmbeddedError, NotReady, ServerMissing
from postbox.embedded.mongod import Mongod, find_mongod
from postbox.embedded.ports import HIGHEST, LOOPBACK, LOWEST, PART, free_port, is_free
from postbox.embedded.process import Probe, Process, Program, open_log, tail
from postbox.embedded.rabbitmq import RabbitMQ, find_rabbitmq, listens
from postbox.embedded.ready import until_ready
from postbox.embedded.server import Server

__all__ = [
    "HIGHEST",
    "LOOPBACK",
    "LOWEST",
    "PART",
    "Background",
    "EmbeddedError",
    "Mongod",
    "NotReady",
    "Probe",
    "Process",
    "Program",
    "RabbitMQ",
    "Server",
    "ServerMissing",
    "find_mongod",
    "find_rabbitmq",
    "free_port",
    "is_free",
    "listens",
    "open_log",
    "tail",
    "until_ready",
]
