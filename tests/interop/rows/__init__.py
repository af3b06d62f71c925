"""Rows that other drivers write into an outbox, and what the relay makes of each."""

from tests.interop.rows.part import python_tables, tables

__all__ = ["python_tables", "tables"]
