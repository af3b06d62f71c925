"""`python -m postbox.console`: serves the console until it is stopped. `hash`: of a password."""

from postbox.extras import required_by_program

if __name__ == "__main__":
    with required_by_program("console"):
        from postbox.console import main

        main()
