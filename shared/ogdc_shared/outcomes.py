"""Outcomes of runs, of workflow events and of uploads."""

from __future__ import annotations

from enum import StrEnum


class EventOutcome(StrEnum):
    """Result of processing an event about a workflow."""

    APPLIED = "applied"
    KNOWN = "known"
    """The event brought nothing new."""
    IGNORED = "ignored"
    """It is not about a run."""
    DOUBTED = "doubted"
    """It contradicts the recorded end of a run, so Argo is asked first."""


class UploadOutcome(StrEnum):
    """Result of processing an upload that matches a trigger."""

    WAITING = "waiting"
    STARTED = "started"
    REFUSED = "refused"
    KNOWN = "known"
    """It had already started its run; never stored."""


class StartOutcome(StrEnum):
    """Result of a scheduled start."""

    WAITING = "waiting"
    STARTED = "started"
    UNCHANGED = "unchanged"
    """Nothing that the trigger watches has changed."""
    SKIPPED = "skipped"
    """The previous run has not ended."""
    REFUSED = "refused"


class RunOutcome(StrEnum):
    """How a run ended, as reported to others."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
