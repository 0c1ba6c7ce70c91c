"""Warnings of a run: possible problems with an existing result.

Each of 10,000 tasks may have 10,000 warnings, so only the count and the first few, truncated, are passed on:
from the worker's checkpoint through one output parameter of `publish` to the run's record. All of them are in
the task's log. Commands could modify what the worker reads back, so it is untrusted and validated.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

MAX_WARNINGS = 20
"""Kept of a task, and of a run."""
MAX_OF_A_KIND = 5
"""Kept among these, so that what happens with every file does not hide what happens once."""
MAX_MESSAGE_CHARACTERS = 500
_MAX_COUNT = 10**9
_MAX_KIND_CHARACTERS = 40
_BEFORE = "\nBefore that, "


class RunWarning(NamedTuple):
    """One warning."""

    kind: str
    """For programs: a word such as `no_data`."""
    message: str
    """For people: what, which, what to do; one line."""
    partition: int | None = None
    """Which partition's task warned; None: `list`, `publish`, or not known yet."""


class RunWarnings(NamedTuple):
    """How many warnings there are, and the first of them."""

    total: int = 0
    first: tuple[RunWarning, ...] = ()
    """At most `MAX_WARNINGS`, and of each kind `MAX_OF_A_KIND`."""

    def plus(self, other: RunWarnings) -> RunWarnings:
        """Those of both, in this order."""
        kept = list(self.first)
        for each in other.first:
            if sum(each.kind == known.kind for known in kept) < MAX_OF_A_KIND:
                kept.append(each)
        return RunWarnings(self.total + other.total, tuple(kept[:MAX_WARNINGS]))

    def of_partition(self, number: int) -> RunWarnings:
        """The same, marked as of a partition."""
        return RunWarnings(self.total, tuple(each._replace(partition=number) for each in self.first))

    def to_json(self) -> str:
        """Render in one line of ASCII, as it is kept and as it travels."""
        return json.dumps({"total": self.total, "first": [each._asdict() for each in self.first]})

    def to_text(self) -> str:
        """Render for people: the count, and a line for each that is kept."""
        counted = f"{self.total} warning{'s' * (self.total != 1)}"
        left = self.total - len(self.first)
        return "\n  - ".join(
            (f"{counted}:", *(each.message for each in self.first), *([f"and {left} more"] if left else []))
        )


def before_a_failure(warnings: RunWarnings) -> str:
    """What a task that failed adds to its message: it has no other way to tell what it warned of before."""
    return f"{_BEFORE}{warnings.to_text()}"


def count_before_failure(message: str) -> int:
    """Read from a failed task's message how many warnings it had; 0 where it says nothing of any."""
    import re

    found = re.findall(rf"{_BEFORE}([0-9]{{1,9}}) warnings?:", message)
    return int(found[-1]) if found else 0


def one_warning(kind: str, message: str) -> RunWarnings:
    """Make one, of a message of any form and length."""
    return RunWarnings(1, (RunWarning(kind=kind, message=_line(message)),))


def read_warnings(text: str | bytes) -> RunWarnings:
    """Read what `to_json` wrote; what is of another form counts as no warning."""
    try:
        fields = json.loads(text)
        first = tuple(map(_warning, fields["first"][:MAX_WARNINGS]))
        return RunWarnings(total=max(len(first), _whole(fields["total"], most=_MAX_COUNT)), first=first)
    except (ValueError, KeyError, TypeError, RecursionError):
        return RunWarnings()


def _warning(fields: dict[str, Any]) -> RunWarning:
    kind, message, partition = fields["kind"], fields["message"], fields["partition"]
    if not isinstance(kind, str) or not isinstance(message, str):
        raise TypeError("kind and message are texts")
    return RunWarning(
        kind=_line(kind)[:_MAX_KIND_CHARACTERS],
        message=_line(message),
        partition=None if partition is None else _whole(partition, most=_MAX_COUNT),
    )


def _line(text: str) -> str:
    """Make a text one line of what can be printed, without the middle of a long one: its ends say most."""
    printable = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(printable.split())
    if len(line) <= MAX_MESSAGE_CHARACTERS:
        return line
    half = MAX_MESSAGE_CHARACTERS // 2
    return f"{line[: half - 2]} … {line[1 - half :]}"


def _whole(value: object, *, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{value!r} is no number of warnings or partitions")
    return value
