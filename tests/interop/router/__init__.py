"""Rows in the shape of Debezium's outbox event router: through that router, and through ours."""

from tests.interop.router.part import python_tables, tables

__all__ = ["python_tables", "tables"]
