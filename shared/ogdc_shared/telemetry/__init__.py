"""Traces, spans and metrics: what is being worked on, and who is informed of it."""
