"""Webhooks: notifying URLs of the ends of runs."""
