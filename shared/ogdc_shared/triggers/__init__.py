"""Uploads that start runs: notifications, uploads, runs."""
