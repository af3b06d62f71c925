"""`python -m postbox`: the operators' commands."""

from postbox.cli import main

if __name__ == "__main__":
    main()
