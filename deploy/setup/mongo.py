"""`python -m deploy.setup.mongo [MEMBER...]`: makes a new mongod a replica set with its own users.

Runs in the network namespace of the first member, for only there may somebody without a password
begin. It can be run again: what is there already is brought to what it should be. MEMBERs such as
mongo2:27017 are added to the set.

Each service's user can reach that service's database alone; the relay's user can read and mark the
outboxes and keep its checkpoints, and reach nothing else; the console's can read what it shows, put
parked rows back, and write to its own database.
"""

import asyncio
import socket
import sys
import time
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from deploy.setup.passwords import ADMINISTRATOR, CONSOLE, RELAY, SERVICES, password

REPLICA_SET: Final = "rs0"
PORT: Final = 27017
LIMIT_S: Final = 60.0
POLL_S: Final = 0.2
SELECTION_MS: Final = 5_000

_UNAUTHORIZED: Final = 13
_NOT_YET_INITIALIZED: Final = 94
_USER_NOT_FOUND: Final = 11
_ROLE_NOT_FOUND: Final = 31

Client = AsyncMongoClient[dict[str, Any]]


async def main(members: list[str]) -> None:
    await _initiate()
    async with _administrator() as client:
        await users(client)
        for member in members:
            await _add(client, member)
    print("MongoDB is set up", flush=True)


async def _initiate() -> None:
    """Begins the set and makes the administrator, unless somebody did so before."""
    async with _nobody() as client:
        config = {
            "_id": REPLICA_SET,
            "version": 1,
            # Running in the first member's namespace, this is its name, not ours.
            "members": [{"_id": 0, "host": f"{socket.gethostname()}:{PORT}"}],
        }
        try:
            await client.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIALIZED:
                return _unless_refused(error)
            await client.admin.command("replSetInitiate", config)
        await _until_primary(client)
    # One made before says that sessions are not supported.
    async with _nobody() as client:
        given: dict[str, Any] = {
            "pwd": password(ADMINISTRATOR),
            "roles": [{"role": "root", "db": "admin"}],
        }
        try:
            await client.admin.command("createUser", ADMINISTRATOR, **given)
        except OperationFailure as error:
            _unless_refused(error)


def _unless_refused(error: OperationFailure) -> None:
    """To be refused means that there are users already: who knows a password goes on."""
    if error.code != _UNAUTHORIZED:
        raise error


def _nobody() -> Client:
    return AsyncMongoClient(
        f"mongodb://127.0.0.1:{PORT}/", directConnection=True, serverSelectionTimeoutMS=SELECTION_MS
    )


def _administrator() -> Client:
    """On the primary, whichever member that is by now."""
    return AsyncMongoClient(
        f"mongodb://127.0.0.1:{PORT}/",
        replicaSet=REPLICA_SET,
        username=ADMINISTRATOR,
        password=password(ADMINISTRATOR),
        serverSelectionTimeoutMS=int(LIMIT_S * 1000),
    )


async def _until_primary(client: Client) -> None:
    until = time.monotonic() + LIMIT_S
    while not (hello := await client.admin.command("hello"))["isWritablePrimary"]:
        if time.monotonic() > until:
            sys.exit(f"setup: there is no primary: {hello}")
        await asyncio.sleep(POLL_S)


async def users(client: Client) -> None:
    """Those of all programs, and what each may do, brought to what they should be."""
    for service in SERVICES:
        roles = [{"role": "readWrite", "db": service}]
        await _user(client, service, service, roles)
    await _role(client, "relay", _relay_privileges())
    await _user(client, "admin", RELAY, [{"role": "relay", "db": "admin"}])
    await _role(client, "console", _console_privileges())
    roles = [{"role": "console", "db": "admin"}, {"role": "readWrite", "db": CONSOLE}]
    await _user(client, "admin", CONSOLE, roles)


def _relay_privileges() -> list[dict[str, Any]]:
    privileges: list[dict[str, Any]] = []
    for service in SERVICES:
        for collection, actions in (
            # The first to start makes the collection and its indexes, be it a service or a relay.
            ("outbox", ["find", "changeStream", "update", "createCollection", "createIndex"]),
            ("relay_checkpoint", ["find", "insert", "update", "createCollection"]),
            (
                "relay_members",
                ["find", "insert", "update", "remove", "createCollection", "createIndex"],
            ),
        ):
            privileges.append(_privilege(service, collection, actions))
    return privileges


def _console_privileges() -> list[dict[str, Any]]:
    """To look at outboxes, inboxes and relays, and at how far the oplog reaches; to put back."""
    privileges = [_privilege("local", "oplog.rs", ["find"])]
    for service in SERVICES:
        privileges += [
            _privilege(service, "outbox", ["find", "listIndexes", "update"]),
            _privilege(service, "relay_checkpoint", ["find"]),
            _privilege(service, "inbox", ["find"]),
        ]
    return privileges


def _privilege(database: str, collection: str, actions: list[str]) -> dict[str, Any]:
    return {"resource": {"db": database, "collection": collection}, "actions": actions}


async def _role(client: Client, name: str, privileges: list[dict[str, Any]]) -> None:
    try:
        await client.admin.command("updateRole", name, privileges=privileges, roles=[])
    except OperationFailure as error:
        if error.code != _ROLE_NOT_FOUND:
            raise
        await client.admin.command("createRole", name, privileges=privileges, roles=[])


async def _user(client: Client, database: str, name: str, roles: list[dict[str, str]]) -> None:
    given: dict[str, Any] = {"pwd": password(name), "roles": roles}
    try:
        await client[database].command("updateUser", name, **given)
    except OperationFailure as error:
        if error.code != _USER_NOT_FOUND:
            raise
        await client[database].command("createUser", name, **given)


async def _add(client: Client, member: str) -> None:
    """Adds one member and waits until it has all data: the next one needs a healthy majority."""
    config = (await client.admin.command("replSetGetConfig"))["config"]
    if member not in {one["host"] for one in config["members"]}:
        last = max(one["_id"] for one in config["members"])
        config["members"].append({"_id": last + 1, "host": member})
        config["version"] += 1
        await client.admin.command("replSetReconfig", config)
    until = time.monotonic() + LIMIT_S
    while (state := await _state(client, member)) not in ("PRIMARY", "SECONDARY"):
        if time.monotonic() > until:
            sys.exit(f"setup: {member} is {state} and does not become a secondary")
        await asyncio.sleep(POLL_S)


async def _state(client: Client, member: str) -> str:
    status = await client.admin.command("replSetGetStatus")
    return str(next(one["stateStr"] for one in status["members"] if one["name"] == member))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
