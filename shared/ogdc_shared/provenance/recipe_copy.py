"""The recipe in a crate: as submitted, with credentials redacted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.digests import sha256
from ogdc_shared.provenance.withholding import withheld
from ogdc_shared.walking import walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

RECIPE = "recipe"
"""Directory of the recipe in a crate."""
WITHHELD = "Without what gives access to somebody's data."
"""Description in a crate of a file that was redacted."""
_PIECE = 1 << 20
_MAX_TEXT = 1 << 20
"""Maximum size of a text that is redacted as a whole, in bytes; a longer one is redacted line by line."""
_MAX_LINE = 1 << 16
"""Maximum size of a line that is redacted as a whole, in bytes."""


class RecipeFile(NamedTuple):
    """A file of the recipe."""

    path: str
    size: int
    sha256: str
    """Digest of the file in the crate."""
    redacted: bool
    """Whether something was left out of it."""


def copy_recipe(recipe: str, target: str) -> Iterator[RecipeFile]:
    """Copy a recipe's directory with credentials redacted, and yield its files.

    Raises:
        OSError: it cannot be read or written.
    """
    os.mkdir(target)
    for name, entry in walk(recipe):
        if entry.is_dir(follow_symlinks=False):
            os.mkdir(f"{target}/{name}")
        elif entry.is_file(follow_symlinks=False):
            yield _copy(entry.path, f"{target}/{name}", name)


def shown_content(recipe: str, name: str) -> bytes:
    """Return the content of a recipe's file with credentials redacted; links are not followed.

    Raises:
        FileNotFoundError: the recipe has no such file.
    """
    for found, entry in walk(recipe):
        if found == name and entry.is_file(follow_symlinks=False):
            with open(entry.path, "rb") as file:
                return b"".join(map(_shown, _pieces(file)))
    raise FileNotFoundError(f"The recipe has no file {name!r}.")


def _copy(source: str, target: str, name: str) -> RecipeFile:
    state, size, redacted = sha256(), 0, False
    with open(source, "rb") as file, open(target, "xb") as copy:
        for piece in _pieces(file):
            shown = _shown(piece)
            redacted = redacted or shown != piece
            copy.write(shown)
            state.update(shown)
            size += len(shown)
        os.chmod(target, 0o755 if os.fstat(file.fileno()).st_mode & 0o100 else 0o644)
    return RecipeFile(name, size, state.hexdigest(), redacted)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield a text as a whole, a long text line by line, and binary content in pieces."""
    start = file.read(_MAX_TEXT)
    is_text = b"\0" not in start[:_MAX_LINE]
    if is_text and len(start) < _MAX_TEXT:
        yield start
        return
    file.seek(0)
    while piece := file.readline(_MAX_LINE) if is_text else file.read(_PIECE):
        yield piece


def _shown(piece: bytes) -> bytes:
    if b"\0" in piece[:_MAX_LINE]:
        return piece
    try:
        return withheld(piece.decode()).encode()
    except UnicodeDecodeError:
        return withheld(piece.decode("latin-1")).encode("latin-1")
