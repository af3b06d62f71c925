"""The operators' commands: `postbox`, or `python -m postbox`."""

from postbox.extras import required_by_program

with required_by_program("cli"):
    from postbox.cli import main

if __name__ == "__main__":
    main()
