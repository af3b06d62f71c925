"""`python -m deploy images|up|down`: containers from the command line."""

import os
import sys
from typing import Annotated

import typer

from deploy import images
from deploy.compose import Project
from deploy.docker.engine import engine, release
from deploy.errors import DeployError

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def containers() -> None:
    """The whole system in containers."""


@app.command("images")
def make_images() -> None:
    """Make or pull every image that compose and the tests need."""
    with engine():
        made = images.ensure()
    for name in (made.program, made.base, made.mongo, made.rabbitmq):
        print(name)
    print(made.jaeger or "no Jaeger: its image cannot be pulled here, and all works without")


@app.command()
def up(
    profile: Annotated[
        str,
        typer.Option(
            help="`cluster`: three MongoDB, three RabbitMQ, two of each service. `console`: the web"
            " page for people on call. `cluster,console`: both."
        ),
    ] = "",
) -> None:
    """Bring deploy/compose.yaml up; `down` ends it."""
    profiles = set(filter(None, profile.split(",")))
    if unknown := profiles - {"cluster", "console"}:
        raise DeployError(f"there is no profile {min(unknown)}; there are `cluster` and `console`")
    with engine(keep=True):
        made = images.ensure()
        Project().up(made, cluster="cluster" in profiles, console="console" in profiles)
        print(f"The gateway is on http://127.0.0.1:{os.environ.get('GATEWAY_PUBLISHED', 3000)}")
        if "console" in profiles:
            print(f"The console is on http://127.0.0.1:{os.environ.get('CONSOLE_PUBLISHED', 3005)}")
            print("Its password is CONSOLE_SIGN_IN in deploy/.env")
        if "DOCKER_HOST" in os.environ:
            print(f"DOCKER_HOST={os.environ['DOCKER_HOST']}")


@app.command()
def down(
    volumes: Annotated[bool, typer.Option(help="Remove the data too.")] = False,
) -> None:
    """End what `up` brought up; its data stays."""
    with engine():
        Project().down(volumes=volumes)
    release()


def main() -> None:
    try:
        app(prog_name="python -m deploy")
    except DeployError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
