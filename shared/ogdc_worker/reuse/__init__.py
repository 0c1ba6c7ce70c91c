"""Reuse of results: kept by one run under a digest of everything that made them, and taken by later runs."""
