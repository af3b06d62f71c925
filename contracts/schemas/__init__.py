"""JSON Schemas (2020-12) of every event as it stands on the wire, envelope and data.

They are written from the types: `python -m contracts.schemas` writes them, `--check` finds drift.
"""
