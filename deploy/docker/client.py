"""The few things that are asked of the docker client."""

from collections.abc import Mapping
from typing import Final

from deploy.context import Files, packed
from deploy.shell import attempt, run

PULL_LIMIT_S: Final = 600
LABEL: Final = "postbox.made-from"


def has(image: str) -> bool:
    """Whether the engine holds this image."""
    return attempt(["docker", "image", "inspect", image]).returncode == 0


def made_from(image: str) -> str | None:
    """The fingerprint of what our image was built from; None if the engine does not hold it."""
    form = f'{{{{ index .Config.Labels "{LABEL}" }}}}'
    done = attempt(["docker", "image", "inspect", "--format", form, image])
    return done.stdout.decode().strip() if done.returncode == 0 else None


def identity(image: str) -> str:
    return run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", image], why=f"there is no {image}"
    )


def pull(image: str) -> bool:
    """Whether the image could be pulled."""
    return attempt(["docker", "pull", "--quiet", image], limit_s=PULL_LIMIT_S).returncode == 0


def build(
    image: str, dockerfile: str, files: Files, *, mark: str, arguments: Mapping[str, str]
) -> None:
    """Builds `image` from exactly these files, without a network use but the Dockerfile's own."""
    options = [
        part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")
    ]
    run(
        [
            *("docker", "build", "--quiet", "--force-rm", "--tag", image),
            *("--file", dockerfile, "--label", f"{LABEL}={mark}", *options, "-"),
        ],
        why=f"{image} cannot be built",
        environment=_builder(),
        given=packed(files),
    )


def _builder() -> dict[str, str]:
    """A client without buildx has the classic builder, and has to be asked for it."""
    has_buildx = attempt(["docker", "buildx", "version"]).returncode == 0
    return {} if has_buildx else {"DOCKER_BUILDKIT": "0"}
