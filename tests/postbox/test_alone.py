"""The library stands alone: nothing of this repository is needed to import all of it."""

import subprocess
import sys

from stack.supervision.process import ROOT

IMPORT_ALL = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"contracts", "services", "relay", "stack", "scenarios"}:
            raise ImportError(f"{name} is out of reach")

sys.meta_path.insert(0, Blocked())
import postbox
names = [module.name for module in pkgutil.walk_packages(postbox.__path__, "postbox.")]
for name in names:
    importlib.import_module(name)
print(*names)
"""


def test_every_module_imports_with_nothing_else_of_this_repository_in_reach() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {"postbox.outbox", "postbox.consumer", "postbox.testing"} <= set(done.stdout.split())
