"""What ends a term of relaying, and what a single row can do wrong."""

from postbox.errors import PostboxError, TryAgain


class LeaseLost(TryAgain):
    """Another relay may hold the lease by now: stop publishing and stand by."""


class Unpublishable(PostboxError):
    """This row can never be published; the text says why."""


class StreamUnusable(PostboxError):
    """The change stream cannot be read from its token on: history is lost, or the token is bad."""
