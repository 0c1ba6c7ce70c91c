"""Validating values in the facts of tasks; invalid ones are ignored."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_CHECKSUM = re.compile(r"[a-z0-9]{2,10}:[0-9a-f]{8,128}")


def text_of(value: Any) -> str:
    """Return a text; empty if the value is not one."""
    return value if isinstance(value, str) else ""


def whole_of(value: Any) -> int | None:
    """Return a non-negative whole number, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def number_of(value: Any) -> float:
    """Return a non-negative number, or 0."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e15 else 0.0


def time_of(value: Any) -> str | None:
    """Return a time in ISO 8601 with an offset, or None."""
    text = text_of(value)
    return text if _TIME.fullmatch(text) else None


def checksum_of(value: Any) -> str | None:
    """Return a checksum such as `sha256:9f86…`, or None."""
    text = text_of(value)
    return text if _CHECKSUM.fullmatch(text) else None


def shown_time(time: str | None) -> str | None:
    """Return a time in the format of crates, or None if it is invalid.

    In UTC with milliseconds, as the profiles' validator requires. In this format, texts sort by time.
    """
    span = span_of(time, seconds=0.0)
    return span and shown(span[0])


def shown(moment: datetime) -> str:
    """Return a time of `span_of` in the format of crates."""
    return moment.isoformat(timespec="milliseconds")


def span_of(time: str | None, *, seconds: float) -> tuple[datetime, datetime] | None:
    """Return a time in UTC, and the time `seconds` later; None if one is invalid."""
    if time is None:
        return None
    try:
        moment = datetime.fromisoformat(time).astimezone(UTC)
        later = moment + timedelta(seconds=seconds) if seconds else moment
    except (ValueError, OverflowError):
        return None
    return moment, later
