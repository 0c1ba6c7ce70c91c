"""Traces, spans and metrics: what is being worked on, and whom that is told."""
