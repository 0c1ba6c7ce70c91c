"""Inputs added to a run by the trigger that started it."""

from __future__ import annotations

from typing import NamedTuple

from ogdc_shared.plan import InputFile


class TriggerInputs(NamedTuple):
    """What a trigger adds to a recipe; empty for a run that a user submits."""

    started_by: str = "user"
    """For metrics and the audit log: `user`, `upload` or `schedule`."""
    inputs: tuple[InputFile, ...] = ()
    """Fetched after the recipe's own inputs."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of its commands."""


SUBMITTED = TriggerInputs()
