"""The operators' commands: `postbox`, or `python -m postbox`; `postbox console` is the web page."""

import sys

from postbox.extras import required_by_program


def main() -> None:
    """The entry point `postbox`. The two sides need each an extra of their own."""
    if sys.argv[1:2] == ["console"]:
        with required_by_program("console"):
            from postbox.console import main as console

            console(sys.argv[2:])
        return
    with required_by_program("cli"):
        from postbox.cli import main as command
    command()


if __name__ == "__main__":
    main()
