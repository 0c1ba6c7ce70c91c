"""Triggers: uploads and schedules that start runs."""
