"""Why containers cannot be had here: each error's text is what a person should read."""


class DeployError(Exception):
    """Something that a person has to put right; the text says what."""


class NoEngine(DeployError):
    """There is no Docker daemon, and none can be started here."""
