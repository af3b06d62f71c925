"""The docs site: `python -m website` makes it of docs/, the docstrings and docs/api/.

Guarantees that the site works opened from disk, loads nothing from elsewhere, and has no link that
leads nowhere, nor have the repository's own pages; it fails with each that does. Reads the code it
describes, and imports none of it.
"""
