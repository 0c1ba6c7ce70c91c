"""Fetching inputs from servers."""
