"""Outcomes of runs, of workflow events and of uploads."""

from __future__ import annotations

from enum import StrEnum


class EventOutcome(StrEnum):
    """What became of an event about a workflow."""

    APPLIED = "applied"
    KNOWN = "known"
    """The record had it already."""
    IGNORED = "ignored"
    """It is about no run."""
    DOUBTED = "doubted"
    """It contradicts the end that is recorded, so Argo is asked first."""


class UploadOutcome(StrEnum):
    """What became of an upload that a trigger is for."""

    WAITING = "waiting"
    STARTED = "started"
    REFUSED = "refused"
    KNOWN = "known"
    """It had started its run before; never stored."""


class StartOutcome(StrEnum):
    """What became of a start at a time that a schedule names."""

    WAITING = "waiting"
    STARTED = "started"
    UNCHANGED = "unchanged"
    """Nothing that the trigger watches has changed."""
    SKIPPED = "skipped"
    """The run before has not ended."""
    REFUSED = "refused"


class RunOutcome(StrEnum):
    """How a run ended, as others are told."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
