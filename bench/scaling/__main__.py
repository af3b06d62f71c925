"""The tables of docs/scaling.md, out of bench/results/latest.json: `python -m bench.scaling`.

With `--check` nothing is written, and the exit code is 1 where the page says something else.
"""

import json
import sys
from collections.abc import Sequence

from bench.report.results import LATEST, ROOT, replace_between
from bench.scaling.page import BEGIN, text

PAGE = ROOT / "docs" / "scaling.md"


def main(arguments: Sequence[str]) -> int:
    written = PAGE.read_text()
    page = replace_between(written, BEGIN, text(json.loads(LATEST.read_text())))
    if list(arguments) != ["--check"]:
        PAGE.write_text(page)
    elif page != written:
        print(f"{PAGE} is not of {LATEST}: run python -m bench.scaling", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
