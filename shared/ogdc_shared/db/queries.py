"""Loads SQL statements by name from sql/queries/."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

SQL_DIR = Path(__file__).with_name("sql")


@cache
def load_queries(subject: str) -> dict[str, bytes]:
    """Read the statements of `sql/queries/<subject>.sql`; each follows a line `-- name: <its name>`.

    Comments and indentation are removed, because psycopg does not cache the parsing of statements over 4 KiB.
    """
    text = (SQL_DIR / "queries" / f"{subject}.sql").read_text(encoding="utf-8")
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {name: _compact(sql) for name, sql in zip(parts[::2], parts[1::2], strict=True)}


def load_all_queries() -> None:
    """Read the statements of all subjects, for a process that outlives an upgrade of its files."""
    for file in (SQL_DIR / "queries").glob("*.sql"):
        load_queries(file.stem)


def _compact(sql: str) -> bytes:
    lines = (line.strip() for line in sql.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--")).encode()
