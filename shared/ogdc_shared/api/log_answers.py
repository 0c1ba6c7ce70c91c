"""The JSON responses about logs of tasks."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ogdc_shared.api.answers import Answer
from ogdc_shared.api.fields import Count


class LogPart(Answer):
    """Some whole lines of a task's log."""

    task: str
    begin: Annotated[Count, Meta(description="Offset of the first byte.")]
    end: Annotated[Count, Meta(description="Offset after the last byte; pass it as `after` to continue.")]
    size: Annotated[Count, Meta(description="Size of the log so far, in bytes.")]
    is_whole: Annotated[bool, Meta(description="Whether the log is complete: the task has ended.")]
    text: str


class LogMatch(Answer):
    """A line that contains the text."""

    at: Annotated[Count, Meta(description="Its offset; pass it as `after` to read from there.")]
    text: Annotated[str, Meta(description="The line, truncated to 2,000 bytes.")]


class LogMatches(Answer):
    """Lines that contain the text."""

    matches: list[LogMatch]
    next: Annotated[
        Count | None, Meta(description="Pass it as `after` to continue; null: all was searched.")
    ] = None
