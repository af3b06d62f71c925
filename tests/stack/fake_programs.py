"""`python -m tests.stack.fake_programs up ...`: the stack's command line, with fake programs."""

import sys
from pathlib import Path
from typing import Final

from stack import __main__, programs
from stack.layout import PROGRAMS

FAKE_PROGRAM: Final = Path(__file__).with_name("fake_program.py")
COMMANDS: Final = {
    name: (sys.executable, str(FAKE_PROGRAM), f"{name.upper()}_PORT") for name in PROGRAMS
}

if __name__ == "__main__":
    programs.COMMANDS.update(COMMANDS)
    __main__.main()
