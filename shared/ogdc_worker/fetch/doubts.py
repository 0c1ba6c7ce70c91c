"""Detects files that are probably not what their name says: empty files, text, Git LFS pointers."""

from __future__ import annotations

import os
from os.path import splitext
from typing import NamedTuple

from ogdc_shared.errors import UnusableInputError
from ogdc_shared.filenames import has_extension, may_be_empty
from ogdc_shared.shortening import shortened

_HEAD_BYTES = _POINTER_BYTES = 1024
_BINARY = frozenset(
    {
        *(".tif", ".tiff", ".nc", ".nc4", ".h5", ".hdf5", ".he5", ".hdf", ".grb", ".grib", ".grb2", ".grib2"),
        *(".jp2", ".png", ".jpg", ".jpeg", ".webp", ".gpkg", ".sqlite", ".mbtiles", ".pmtiles"),
        *(".shp", ".shx", ".dbf", ".fgb", ".parquet", ".las", ".laz", ".xlsx", ".kmz", ".pbf"),
        *(".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".7z"),
    }
)
"""Formats with binary file headers. `.img` is not among them, because it may be raw numbers."""
_POINTER = (b"version https://git-lfs.github.com/spec/v1", b"\noid sha256:")
"""Source: docs/spec.md of git-lfs, \"The Pointer\"."""
_NO_TEXT = bytes({*range(32), 127} - {*b"\t\n\r\f\x1b"})
"""Bytes that do not occur in text."""


class Doubt(NamedTuple):
    """A reason to warn about an input."""

    kind: str
    message: str


def refuse_pointer(path: str, source: str) -> None:
    """Reject a Git LFS pointer, which would pass for a text file or a table with two rows.

    Args:
        path: Path of the file.
        source: Where it was fetched from, for the message.

    Raises:
        UnusableInputError: it is a pointer.
    """
    if os.path.getsize(path) >= _POINTER_BYTES:
        return
    begin, then = _POINTER
    if (head := _head(path)).startswith(begin) and then in head:
        raise UnusableInputError(
            f"{source!r} is a Git LFS pointer, not the file itself. In a repository on this machine, "
            "`git lfs pull` fetches the file. For a repository on a server, give the address of the file "
            "itself."
        )


def doubt_of(path: str, *, name: str, source: str) -> Doubt | None:
    """Check the beginning of an input against its name; returns None if they agree."""
    if not os.path.getsize(path):
        if may_be_empty(name):
            return None
        return Doubt("empty_input", f"the input {name!r} is empty: {source!r} has no byte")
    if splitext(name)[1].lower() in _BINARY and _is_text(head := _head(path)):
        begin = shortened(" ".join(head.decode(errors="replace").split()), 120)
        return Doubt("text_input", f"the input {name!r} is a text and not what its name says: {begin!r}")
    return None if has_extension(name) else _doubt_of_page(_head(path), name)


def _doubt_of_page(head: bytes, name: str) -> Doubt | None:
    from ogdc_worker.web_pages import is_web_page, title_of  # not imported for inputs with an extension

    if not is_web_page(head):
        return None
    about = f" ({title!r})" if (title := title_of(head)) else ""
    advice = "if that is intended, give it a `name:` that ends in .html"
    return Doubt("page_input", f"the input {name!r} is a web page{about}: {advice}")


def _head(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(_HEAD_BYTES)


def _is_text(head: bytes) -> bool:
    if len(head.translate(None, delete=_NO_TEXT)) < len(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as exc:
        return exc.start > _HEAD_BYTES - 4  # the head may end within a character
    return True
