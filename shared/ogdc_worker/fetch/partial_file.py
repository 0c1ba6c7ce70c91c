"""A file that is still being fetched."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from ogdc_shared.removal import remove

if TYPE_CHECKING:
    from collections.abc import Iterator

SYNCED_BYTES = 1 << 20
"""Files of this size are written to disk one by one. Smaller ones are with all the others in the end, since
waiting for the disk would take longer than fetching them."""
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class PartialFile:
    """The beginning of a file, and what it takes to go on with it later, in this process or another.

    Beside the bytes lies a note: the server's validator, and which boot of which machine wrote the bytes.
    After a machine's sudden end there may be holes in what was not flushed, so what another boot wrote is
    not used.

    Attributes:
        path: Where the bytes are.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._note = f"{path}.note"

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def validator(self) -> str | None:
        """What the server has to confirm for the bytes to be of use; None: they are of none."""
        try:
            with open(self._note, encoding="iso-8859-1") as note:
                boot, _, validator = note.read().partition("\n")
        except FileNotFoundError:
            return None
        return validator if boot and boot == boot_id() else None

    @contextmanager
    def write(self, *, offset: int, validator: str | None) -> Iterator[BinaryIO]:
        """Open the file to go on at `offset`; when the block ends well, all of a large one is on disk."""
        if not offset:
            self.discard()
            self._remember(validator)
        with open(self.path, "ab") as file:
            yield file
            file.flush()
            if file.tell() >= SYNCED_BYTES:
                os.fsync(file.fileno())

    def become(self, path: str) -> None:
        """Give the finished file its place."""
        os.rename(self.path, path)
        remove(self._note)

    def discard(self) -> None:
        """Forget the bytes; the note goes first, so that it never speaks of others."""
        remove(self._note)
        remove(self.path)

    def _remember(self, validator: str | None) -> None:
        if validator:
            with open(self._note, "w", encoding="iso-8859-1") as note:
                note.write(f"{boot_id()}\n{validator}")


def boot_id() -> str:
    """Which boot of which machine this is; empty where the kernel does not say."""
    with suppress(OSError), open(_BOOT_ID) as file:
        return file.read().strip()
    return ""
