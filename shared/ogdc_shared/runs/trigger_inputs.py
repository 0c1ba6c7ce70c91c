"""Inputs added to a run by the trigger that started it."""

from __future__ import annotations

from typing import NamedTuple

from ogdc_shared.plan import InputFile


class TriggerInputs(NamedTuple):
    """Added to what the recipe says; empty for a run that somebody submits."""

    started_by: str = "user"
    """A word for metrics and the audit: `user`, `upload` or `schedule`."""
    inputs: tuple[InputFile, ...] = ()
    """Fetched after the recipe's own inputs."""
    variables: tuple[tuple[str, str], ...] = ()
    """Names and values for the environment of its commands."""


SUBMITTED = TriggerInputs()
