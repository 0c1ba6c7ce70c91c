"""What is answered about what tasks printed."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ogdc_shared.api.answers import Answer
from ogdc_shared.api.fields import Count


class LogPart(Answer):
    """Some whole lines of what a task printed."""

    task: str
    begin: Annotated[Count, Meta(description="Offset of the first byte.")]
    end: Annotated[Count, Meta(description="Offset behind the last; give it as `after` for what follows.")]
    size: Annotated[Count, Meta(description="Bytes there are in all, so far.")]
    is_whole: Annotated[bool, Meta(description="Whether nothing comes any more: the task has ended.")]
    text: str


class LogMatch(Answer):
    """A line that the text was found in."""

    at: Annotated[Count, Meta(description="Its offset; give it as `after` to read on from there.")]
    text: Annotated[str, Meta(description="The line, cut after 2,000 bytes.")]


class LogMatches(Answer):
    """Lines that the text was found in."""

    matches: list[LogMatch]
    next: Annotated[
        Count | None, Meta(description="Give it as `after` to search on; null: all was searched.")
    ] = None
