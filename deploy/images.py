"""Every image that compose and the tests need: pulled where it can be, else built here.

BASE, MONGO_IMAGE, RABBITMQ_IMAGE and JAEGER_IMAGE choose others. What was built is kept, under the
fingerprint of what it was made from: nothing is built twice.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy import wheels
from deploy.context import ROOT, Files, fingerprint, source_files
from deploy.debian import bootstrap
from deploy.docker import client as docker
from deploy.errors import DeployError
from stack.errors import ServerMissing
from stack.servers.mongod import find_mongod

PROGRAM: Final = "postbox:latest"
DEBIAN: Final = ROOT / "deploy" / "debian"
LOCK: Final = ROOT / "requirements.lock"


@dataclass(frozen=True)
class Images:
    """The names of the images; `jaeger` is None where there can be none."""

    base: str
    mongo: str
    rabbitmq: str
    jaeger: str | None
    program: str = PROGRAM


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One image: chosen by `variable`, else `public`, else `own` built from Debian's packages."""

    variable: str
    public: str
    own: str
    dockerfile: str
    files: Callable[[], Files] = dict


def _mongod() -> Files:
    try:
        return {"mongod": find_mongod()}
    except ServerMissing as error:
        raise DeployError(f"no image of MongoDB can be made: {error}") from error


BASE: Final = Choice(
    variable="BASE",
    public="python:3.13-slim",
    own="postbox/python:trixie",
    dockerfile="python.Dockerfile",
)
MONGO: Final = Choice(
    variable="MONGO_IMAGE",
    public="mongo:8.0",
    own="postbox/mongo:embedded",
    dockerfile="mongo.Dockerfile",
    files=_mongod,
)
RABBITMQ: Final = Choice(
    variable="RABBITMQ_IMAGE",
    public="rabbitmq:4.1-management",
    own="postbox/rabbitmq:trixie",
    dockerfile="rabbitmq.Dockerfile",
)
JAEGER_VARIABLE: Final = "JAEGER_IMAGE"
JAEGER_PUBLIC: Final = "jaegertracing/jaeger:2.11.0"


def ensure() -> Images:
    """All images, made or pulled now where they are not there yet."""
    registry = _Registry()
    base = _ensure(BASE, registry)
    images = Images(
        base=base,
        mongo=_ensure(MONGO, registry),
        rabbitmq=_ensure(RABBITMQ, registry),
        jaeger=_jaeger(registry),
    )
    _ensure_program(base)
    return images


class _Registry:
    """The registry, asked as long as it gives what it is asked for."""

    def __init__(self) -> None:
        self._in_reach = True

    def gives(self, image: str) -> bool:
        if self._in_reach:
            _say(f"pulling {image}")
            self._in_reach = docker.pull(image)
        return self._in_reach


def _ensure(choice: Choice, registry: _Registry) -> str:
    named = os.environ.get(choice.variable)
    if named:
        if docker.has(named) or docker.pull(named):
            return named
        raise DeployError(f"{choice.variable}={named} is not here and cannot be pulled")
    if docker.has(choice.public):
        return choice.public
    dockerfile = DEBIAN / choice.dockerfile
    files = {"Dockerfile": dockerfile, **choice.files()}
    mark = fingerprint(files)
    if docker.made_from(choice.own) == mark:
        return choice.own
    if registry.gives(choice.public):
        return choice.public
    if not docker.has(bootstrap.IMAGE):
        _say(f"no registry is in reach: making {bootstrap.IMAGE} with debootstrap (once, 30 s)")
        bootstrap.make()
    _say(f"building {choice.own} from Debian's packages (once, about 20 s)")
    docker.build(choice.own, "Dockerfile", files, mark=mark, arguments={})
    return choice.own


def _jaeger(registry: _Registry) -> str | None:
    image = os.environ.get(JAEGER_VARIABLE) or JAEGER_PUBLIC
    if docker.has(image):
        return image
    # Debian has no Jaeger. Everything works without: traces then go where OTEL_* says, or nowhere.
    return image if _anything_pulled() and registry.gives(image) else None


def _anything_pulled() -> bool:
    return any(docker.has(choice.public) for choice in (BASE, MONGO, RABBITMQ))


def _ensure_program(base: str) -> None:
    files = {
        "Dockerfile": ROOT / "deploy" / "Dockerfile",
        "requirements.lock": LOCK,
        **source_files(),
    }
    mark = fingerprint(files, docker.identity(base))
    if docker.made_from(PROGRAM) == mark:
        return
    _say(f"building {PROGRAM} on {base}")
    downloaded = wheels.ensure(base, LOCK)
    context: dict[str, Path] = {**files, **{f"wheels/{path.name}": path for path in downloaded}}
    docker.build(PROGRAM, "Dockerfile", context, mark=mark, arguments={"BASE": base})


def _say(sentence: str) -> None:
    print(f"{sentence} ...", file=sys.stderr, flush=True)
