"""The provider's ids."""

from uuid_utils import uuid7


def new_id(prefix: str) -> str:
    """Unique, and later ones sort later."""
    return f"{prefix}_{uuid7().hex}"
