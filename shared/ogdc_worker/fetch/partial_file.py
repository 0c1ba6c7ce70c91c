"""A file whose download has not finished."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from ogdc_shared.removal import remove

if TYPE_CHECKING:
    from collections.abc import Iterator

SYNCED_BYTES = 1 << 20
"""Files of this size are flushed to disk one by one. Smaller ones are flushed together at the end, because
flushing each would take longer than fetching it."""
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class PartialFile:
    """The beginning of a file, and what is needed to resume its download, possibly in another process.

    A note beside the file contains the server's validator and the boot id of the machine. Data that was not
    flushed may be lost in a crash, so bytes written before another boot are not used.

    Attributes:
        path: Path of the bytes.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._note = f"{path}.note"

    @property
    def size(self) -> int:
        """Number of bytes so far."""
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def validator(self) -> str | None:
        """Return the validator with which the server can confirm the bytes; None if they cannot be used."""
        boot, validator, _ = self._remembered()
        return validator if boot and boot == boot_id() else None

    def expected_size(self) -> int | None:
        """Return the size of the whole file in bytes when its download began; None if unknown."""
        size = self._remembered()[2]
        return int(size) if size.isdecimal() else None

    def _remembered(self) -> tuple[str, str, str]:
        try:
            with open(self._note, encoding="iso-8859-1") as note:
                boot, validator, size, *_ = (*note.read().split("\n"), "", "")
        except FileNotFoundError:
            return "", "", ""
        return boot, validator, size

    @contextmanager
    def write(self, *, offset: int, validator: str | None, size: int | None = None) -> Iterator[BinaryIO]:
        """Open the file to continue at `offset`; a large file is flushed when the block ends normally."""
        if not offset:
            self.discard()
            self._remember(validator, size)
        with open(self.path, "ab") as file:
            yield file
            file.flush()
            if file.tell() >= SYNCED_BYTES:
                os.fsync(file.fileno())

    def become(self, path: str) -> None:
        """Move the finished file to its final path."""
        os.rename(self.path, path)
        remove(self._note)

    def discard(self) -> None:
        """Delete the bytes; the note goes first, so that it never describes other bytes."""
        remove(self._note)
        remove(self.path)

    def _remember(self, validator: str | None, size: int | None) -> None:
        if validator:
            with open(self._note, "w", encoding="iso-8859-1") as note:
                note.write(f"{boot_id()}\n{validator}\n{'' if size is None else size}")


def boot_id() -> str:
    """Return the id of the machine's current boot; empty if the kernel does not provide it."""
    with suppress(OSError), open(_BOOT_ID) as file:
        return file.read().strip()
    return ""
