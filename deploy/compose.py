"""deploy/compose.yaml, brought up and down with whichever Compose there is (1.29 or 2)."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy import secret_values
from deploy.errors import DeployError
from deploy.images import Images
from deploy.shell import attempt, run

FILE: Final = Path(__file__).with_name("compose.yaml")
UP_LIMIT_S: Final = 300
DOWN_LIMIT_S: Final = 180
TRACES_TO: Final = "http://jaeger:4318"
ALL_PROFILES: Final = ("cluster", "console", "tracing")


@dataclass(frozen=True, kw_only=True)
class Project:
    """One instance of the whole system. `settings` go to its env file, such as published ports."""

    name: str = "postbox"
    environment: Path = secret_values.ENVIRONMENT
    settings: Mapping[str, str] = field(default_factory=dict)

    def up(self, images: Images, *, cluster: bool = False, console: bool = False) -> None:
        """Brings it up and returns when every container is started and set up."""
        settings = {
            "POSTBOX_IMAGE": images.program,
            "MONGO_IMAGE": images.mongo,
            "RABBITMQ_IMAGE": images.rabbitmq,
            **({"JAEGER_IMAGE": images.jaeger} if images.jaeger else {}),
            **({"OTEL_EXPORTER_OTLP_ENDPOINT": TRACES_TO} if images.jaeger else {}),
            **self.settings,
        }
        secret_values.write(self.environment, settings)
        wanted = {"cluster": cluster, "console": console, "tracing": bool(images.jaeger)}
        profiles = [profile for profile, is_wanted in wanted.items() if is_wanted]
        self.run("up", "--detach", profiles=profiles, limit_s=UP_LIMIT_S)

    def down(self, *, volumes: bool = False) -> None:
        """Ends all containers and removes them and their network; with `volumes` the data too."""
        options = ["--remove-orphans", *(["--volumes"] if volumes else [])]
        self.run("down", *options, profiles=ALL_PROFILES, limit_s=DOWN_LIMIT_S)

    def run(self, *words: str, profiles: Sequence[str] = (), limit_s: float = 60.0) -> str:
        """What Compose printed. Raises DeployError with its last words."""
        chosen = [part for profile in profiles for part in ("--profile", profile)]
        command = [
            *(*_compose(), "--project-name", self.name, "--file", str(FILE)),
            *("--env-file", str(self.environment), *chosen, *words),
        ]
        return run(command, why=f"compose {words[0]} failed", limit_s=limit_s)


def _compose() -> tuple[str, ...]:
    if attempt(["docker", "compose", "version"]).returncode == 0:
        return ("docker", "compose")
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    raise DeployError("no Compose: install Docker's compose plugin, or docker-compose")
