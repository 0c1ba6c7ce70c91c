"""How long the main thread may wait for anything before it looks up."""

MAX_WAIT_SECONDS = 1.0
"""A signal that comes as it is about to wait does not end the wait, so none is long."""
