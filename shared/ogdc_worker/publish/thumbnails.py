"""Copying the thumbnails that tasks made to a result; links are not followed, and only PNGs are copied."""

from __future__ import annotations

import os
import stat

from ogdc_shared.open_flags import READ_FILE
from ogdc_shared.outputs.thumbnails import MAX_THUMBNAIL_BYTES, PNG, THUMBNAILS, thumbnail_name

MAX_THUMBNAILS = 200
"""Maximum number in a result."""


class Thumbnails:
    """The thumbnails of a result, in the directory of its catalogue."""

    def __init__(self, directory: str) -> None:
        self._directory = f"{directory}/{THUMBNAILS}"
        self._taken = 0

    def take(self, made: str, output: str) -> str | None:
        """Copy an output's thumbnail; returns its name, or None if there is none or the limit is reached.

        Raises:
            OSError: it cannot be written.
        """
        content = _read(made) if self._taken < MAX_THUMBNAILS else b""
        if not content.startswith(PNG):
            return None
        os.makedirs(self._directory, exist_ok=True)
        name = thumbnail_name(output)
        with open(f"{self._directory}/{name}", "wb") as file:
            file.write(content)
        self._taken += 1
        return name


def _read(path: str) -> bytes:
    """Read a small file, which a command may have replaced by anything."""
    try:
        opened = os.open(path, READ_FILE)
    except OSError:
        return b""
    try:
        status = os.fstat(opened)
        is_small = stat.S_ISREG(status.st_mode) and status.st_size <= MAX_THUMBNAIL_BYTES
        return os.read(opened, MAX_THUMBNAIL_BYTES) if is_small else b""
    finally:
        os.close(opened)
