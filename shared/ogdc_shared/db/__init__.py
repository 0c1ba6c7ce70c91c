"""The record in PostgreSQL; psycopg without asyncio, which only its other half takes."""

from ogdc_shared.imports import left_out

with left_out("asyncio"):
    import psycopg  # noqa: F401
