"""Parsing the facts of a task (see `ogdc_worker.process.facts`) line by line.

They are untrusted, because a recipe's commands can write anything into them: only well-formed values are
used, and all strings are treated as data.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.open_flags import READ_FILE

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from typing import Any, BinaryIO

_MAX_LINE = 65_536
"""Maximum size in bytes: a path has up to 4,096, and JSON may need six for each of them."""
_OF_FACTS = frozenset({"fetched", "read", "ran", "wrote", "described"})
_ENDS = frozenset({b"]", b"],", b"]}"})
_AT_ONCE = 500
"""Maximum number of lines that are parsed together."""
_SECTIONS = _OF_FACTS | {"commands"}
_DESCRIBES_NOTHING = b'"described":[\n]}\n'
"""End of a document without descriptions of outputs."""


class TaskRecord(NamedTuple):
    """A task of a run, and the path of its facts."""

    stage: str
    partition: int
    succeeded: bool = True
    message: str | None = None
    """Why it failed."""
    facts: str | None = None
    """Path of the document, or None if it left none."""


class Fact(NamedTuple):
    """One line of a document."""

    section: str
    """`head` for the first line, then fetched, read, ran, wrote or described."""
    value: dict[str, Any]


def read_facts(path: str, wanted: Container[str]) -> Iterator[Fact]:
    """Yield a document's facts in order: the head, and those of the wanted sections.

    Raises:
        ValueError: it is malformed.
        OSError: it cannot be read.
    """
    opened = os.open(path, READ_FILE)
    with open(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise ValueError("it is not a file")
        yield from _facts(file, wanted)


def describes_nothing(path: str) -> bool:
    """Whether a document ends without descriptions of outputs, so that it need not be parsed for them.

    Raises:
        OSError: it cannot be read.
    """
    opened = os.open(path, READ_FILE)
    try:
        size, length = os.fstat(opened).st_size, len(_DESCRIBES_NOTHING)
        return size > length and os.pread(opened, length, size - length) == _DESCRIBES_NOTHING
    finally:
        os.close(opened)


def _facts(file: BinaryIO, wanted: Container[str]) -> Iterator[Fact]:
    section, text, held = "head", b"", list[bytes]()
    while line := file.readline(_MAX_LINE):
        text = line.rstrip(b"\n")
        is_fact = section in _OF_FACTS and text not in _ENDS and not _begins(text)
        if held and (not is_fact or len(held) == _AT_ONCE):
            yield from _objects(section, held)
            held.clear()
        if section == "head":
            yield Fact("head", _object(text.removesuffix(b",") + b"}"))
            section = ""
        elif _begins(text):
            section = text[1:-3].decode()
        elif text in _ENDS:
            section = ""
        elif is_fact:
            if section in wanted:
                held.append(text.removesuffix(b","))
        elif section != "commands":
            raise ValueError("it holds a line that is not a fact")
    yield from _objects(section, held)
    if text != b"]}":
        raise ValueError("it breaks off")


def _begins(text: bytes) -> bool:
    """Whether a line begins a section."""
    return text.endswith(b":[") and text[1:-3].decode("ascii", "replace") in _SECTIONS


def _objects(section: str, lines: list[bytes]) -> Iterator[Fact]:
    """Parse lines of a section: all at once, which is much faster, or one by one up to an invalid one."""
    try:
        values = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        values = []
    if len(values) == len(lines) and all(type(value) is dict for value in values):
        yield from (Fact(section, value) for value in values)
    else:
        yield from (Fact(section, _object(line)) for line in lines)


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text.decode())  # json.loads would detect the encoding of bytes each time
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"it holds a line that is not JSON ({exc})") from exc
    if not isinstance(value, dict):
        raise ValueError("it holds a line that is not an object")  # noqa: TRY004  a document's form, not a type
    return value
