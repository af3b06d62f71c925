"""The reference of the library, read from its source: its public names, signatures, docstrings.

Nothing is imported, so that what a reader sees is what is written, defaults included.
"""

from website.reference.pages import reference

__all__ = ["reference"]
