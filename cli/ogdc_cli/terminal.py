"""Escaping terminal output: text from others never acts as control sequences.

File names, messages, log lines, keys of a recipe and responses of servers may contain escape sequences,
characters that hide or reorder text (zero-width and bidirectional characters), or text that cannot be
encoded (half a surrogate pair). `guarded` wraps the program's standard streams, so that nothing bypasses
it; text that must stay on one line is passed through `one_line` first.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from msgspec import Struct

_ENCODING_ERRORS = "ogdc.legible"
_SPACES = frozenset("\u00a0\u1680\u202f\u205f\u3000") | {chr(code) for code in range(0x2000, 0x200B)}
"""Spaces of some width, which Python counts as unprintable."""
_PLAIN = bytes((*range(0x20, 0x7F), *b"\n\t"))
_SUSPECT = re.compile(r"[^ -~\n\t]")
_IN_ASCII = {"…": "...", "→": "->", "←": "<-", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"'}  # noqa: RUF001


def printable(text: str) -> str:
    r"""`text` with all that is no visible text written out, as `\x1b`; lines and tabs stay.

    A line may end as on Windows; any other carriage return is written out.
    """
    if text.isprintable():
        return text
    return _SUSPECT.sub(_written_out, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    r"""`text` as part of a line that it cannot end: `printable`, with `\n` and `\t` written out as well."""
    return printable(text).replace("\n", r"\n").replace("\t", r"\t")


def say(text: str, *, err: bool = False) -> None:
    """Print lines for people; to stderr if they are not a result."""
    print(printable(text), file=sys.stderr if err else sys.stdout, flush=True)


def print_json(value: object) -> None:
    """Print a value for programs to read; structs as the API gave them."""
    text = json.dumps(_builtins(value), indent=2, default=datetime.isoformat)
    say(text.replace("\x7f", r"\u007f"))


def fields(answer: Struct) -> dict[str, Any]:
    """The fields of an answer, as JSON has them, to add some."""
    found: dict[str, Any] = _builtins(answer)
    return found


def _builtins(value: object) -> Any:
    from msgspec import to_builtins

    return to_builtins(value, builtin_types=(datetime,))


def is_plain(block: bytes) -> bool:
    """Whether it is ASCII that any terminal only shows."""
    return not block.translate(None, _PLAIN)


def say_plain(block: bytes) -> None:
    """Print whole lines that are known to be plain (`is_plain`), without checking them again."""
    stream = sys.stdout
    if isinstance(stream, _Guarded):
        stream.write_plain(block)
    else:
        stream.write(block.decode())
    stream.flush()


@contextmanager
def guarded() -> Iterator[None]:
    """Put the guard before stdout and stderr for the time of the program."""
    codecs.register_error(_ENCODING_ERRORS, _legible)
    _open_closed_descriptors()
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Guarded(stream)) for stream in streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        for stream in streams:
            _flush_or_drop(stream)


class _Guarded:
    """A text stream that only writes printable characters that its encoding supports.

    It has no `buffer`, because click would use that to bypass an ASCII encoding. An error of the device, such
    as a full disk, names the stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        with suppress(AttributeError):  # a test's stream
            cast(Any, stream).reconfigure(errors=_ENCODING_ERRORS)

    def write(self, text: str) -> int:
        with self._named():
            return self._stream.write(printable(text))

    def write_plain(self, block: bytes) -> None:
        with self._named():
            self._stream.flush()
            self._stream.buffer.write(block)

    def flush(self) -> None:
        with self._named():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            exc.filename = str(getattr(self._stream, "name", "")).strip("<>") or None
            raise


def _open_closed_descriptors() -> None:
    """Open the null device in place of closed stdin, stdout or stderr (`>&-`).

    Otherwise the next file or connection would get its descriptor.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            lowest_free = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(lowest_free, mode, encoding="utf-8"))


def _flush_or_drop(stream: TextIO) -> None:
    """Leave nothing to flush at exit, which would be an error if the reader has gone."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def _written_out(found: re.Match[str]) -> str:
    character = found[0]
    return character if character.isprintable() or character in _SPACES else _escape(character)


def _escape(character: str) -> str:
    r"""A character as Python writes it; a byte of a file name that is no UTF-8 as that byte, e.g. `\xff`."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _legible(error: UnicodeError) -> tuple[str, int]:
    """Encode what a terminal's encoding lacks: punctuation as ASCII has it, all else written out."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(character, _escape(character)) for character in lacking), error.end
