"""The record in PostgreSQL. Skips the import of asyncio, which only psycopg's unused async half needs."""

from ogdc_shared.imports import left_out

with left_out("asyncio"):
    import psycopg  # noqa: F401
