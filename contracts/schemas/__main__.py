"""`python -m contracts.schemas [--check]`: write the schemas, or exit 1 where they drifted."""

import sys

from contracts.schemas.write import drift, write


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: python -m contracts.schemas [--check]", file=sys.stderr)
        return 2
    if not arguments:
        write()
        return 0
    drifted = drift()
    for name in drifted:
        print(f"contracts/schemas/{name} is out of date: run python -m contracts.schemas")
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
