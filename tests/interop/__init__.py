"""Other programs' clients at real servers, and what becomes of each value between them and us.

`make interop` runs them all, versions pinned, and writes docs/interop-table.md; a part runs in the
tests, and has to find what the page says.
"""
