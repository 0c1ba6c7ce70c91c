"""Parsing events from outside; `db` records them."""
