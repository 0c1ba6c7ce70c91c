"""The record in PostgreSQL. Replaces asyncio while psycopg is imported, which only its async half needs."""

from ogdc_shared.imports import left_out

with left_out("asyncio"):
    import psycopg  # noqa: F401
