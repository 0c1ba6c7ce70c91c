"""Bringing inputs from servers."""
