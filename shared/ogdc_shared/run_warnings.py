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
"""Maximum number of warnings to keep, for a task and for a run."""
MAX_OF_A_KIND = 5
"""Maximum number of each kind among these, so that frequent warnings do not hide rare ones."""
MAX_MESSAGE_CHARACTERS = 500
_MAX_COUNT = 10**9
_MAX_KIND_CHARACTERS = 40
_BEFORE = "\nBefore that, "


class RunWarning(NamedTuple):
    """One warning."""

    kind: str
    """A word for programs, such as `no_data`."""
    message: str
    """One line: what happened, to which file, and what to do."""
    partition: int | None = None
    """The partition of its task; None for `list` and `publish`, or if not set yet."""


class RunWarnings(NamedTuple):
    """The number of warnings, and the first of them."""

    total: int = 0
    first: tuple[RunWarning, ...] = ()
    """At most `MAX_WARNINGS`, at most `MAX_OF_A_KIND` of a kind. A new kind replaces a repeated one."""

    def plus(self, other: RunWarnings) -> RunWarnings:
        """Return both, in this order."""
        kept = list(self.first)
        for each in other.first:
            kinds = [known.kind for known in kept]
            if len(kept) >= MAX_WARNINGS and each.kind not in kinds and len(set(kinds)) < len(kinds):
                del kept[max(at for at, kind in enumerate(kinds) if kinds.count(kind) > 1)]
            if len(kept) < MAX_WARNINGS and kinds.count(each.kind) < MAX_OF_A_KIND:
                kept.append(each)
        return RunWarnings(self.total + other.total, tuple(kept))

    def of_partition(self, number: int) -> RunWarnings:
        """Return the same warnings, marked as a partition's."""
        return RunWarnings(self.total, tuple(each._replace(partition=number) for each in self.first))

    def to_json(self) -> str:
        """Return one line of ASCII, in the stored format."""
        return json.dumps({"total": self.total, "first": [each._asdict() for each in self.first]})

    def to_text(self) -> str:
        """Return the count and one line for each kept warning."""
        counted = f"{self.total} warning{'s' * (self.total != 1)}"
        left = self.total - len(self.first)
        return "\n  - ".join(
            (f"{counted}:", *(each.message for each in self.first), *([f"and {left} more"] if left else []))
        )


def before_a_failure(warnings: RunWarnings) -> str:
    """Return the addition to a failed task's message, which is its only way to report earlier warnings."""
    return f"{_BEFORE}{warnings.to_text()}"


def count_before_failure(message: str) -> int:
    """Return the number of warnings in a failed task's message; 0 if it mentions none."""
    import re

    found = re.findall(rf"{_BEFORE}([0-9]{{1,9}}) warnings?:", message)
    return int(found[-1]) if found else 0


def one_warning(kind: str, message: str) -> RunWarnings:
    """Create a single warning; the message may have any length and characters."""
    return RunWarnings(1, (RunWarning(kind=kind, message=_line(message)),))


def read_warnings(text: str | bytes) -> RunWarnings:
    """Parse the output of `to_json`; anything else counts as no warnings."""
    try:
        fields = json.loads(text)
        first = tuple(map(_warning, fields["first"][:MAX_WARNINGS]))
        return RunWarnings(total=max(len(first), _whole(fields["total"], most=_MAX_COUNT)), first=first)
    except (ValueError, KeyError, TypeError, RecursionError):
        return RunWarnings()


def _warning(fields: dict[str, Any]) -> RunWarning:
    kind, message, partition = fields["kind"], fields["message"], fields["partition"]
    if not isinstance(kind, str) or not isinstance(message, str):
        raise TypeError("kind and message must be strings")
    return RunWarning(
        kind=_line(kind)[:_MAX_KIND_CHARACTERS],
        message=_line(message),
        partition=None if partition is None else _whole(partition, most=_MAX_COUNT),
    )


def _line(text: str) -> str:
    """Return a text as one line of printable characters; the middle of a long text is cut out."""
    printable = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(printable.split())
    if len(line) <= MAX_MESSAGE_CHARACTERS:
        return line
    half = MAX_MESSAGE_CHARACTERS // 2
    return f"{line[: half - 2]} … {line[1 - half :]}"


def _whole(value: object, *, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{value!r} is not a number of warnings or partitions")
    return value
