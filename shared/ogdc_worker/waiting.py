"""The longest single wait of the main thread."""

MAX_WAIT_SECONDS = 1.0
"""A signal that arrives just before a wait does not interrupt it, so every wait has to be short."""
