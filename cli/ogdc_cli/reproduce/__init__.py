"""Repeating the run of a crate, and comparing the results."""
