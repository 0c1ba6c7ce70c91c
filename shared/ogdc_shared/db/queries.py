"""The SQL statements, read by name from sql/queries/."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

SQL_DIR = Path(__file__).with_name("sql")


@cache
def load_queries(subject: str) -> dict[str, bytes]:
    """Read the statements of `sql/queries/<subject>.sql`; each begins after a line `-- name: <its name>`."""
    text = (SQL_DIR / "queries" / f"{subject}.sql").read_text(encoding="utf-8")
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {name: sql.strip().encode() for name, sql in zip(parts[::2], parts[1::2], strict=True)}
