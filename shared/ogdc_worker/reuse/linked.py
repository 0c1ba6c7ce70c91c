"""Detects changes of a run's outputs that are hard-linked to the store.

Another run may have published the same inode. Whoever edits that file in place also changes it here, even
while this run is under way or waits for a retry. So the links are recorded beside the workspaces, where no
command sees them, and `publish` compares the files. A file with the recorded size and times is not read
again, since no program can set an inode's time of change. Each file is opened, because a network file system
may otherwise report cached times.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared import layout
from ogdc_shared.errors import PublishError
from ogdc_shared.several import several
from ogdc_worker.reuse.kept import NotAsKeptError, open_plain, read_plain, sha256_of_open
from ogdc_worker.reuse.store import LinkedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def note_linked(workspaces: str, number: int, linked: Sequence[LinkedFile]) -> None:
    """Record which outputs of a partition are hard-linked.

    Raises:
        OSError: it cannot be written.
    """
    if linked:
        with open(f"{workspaces}/{layout.LINKED}", "ab") as file:
            file.write(linked_note(number, linked))


def linked_note(number: int, linked: Sequence[LinkedFile]) -> bytes:
    """Return the record of a partition as a line, which is kept apart from an incomplete one before it."""
    return f"\n{json.dumps([number, linked])}\n".encode("ascii")


def read_linked(workspaces: str) -> dict[int, list[LinkedFile]]:
    """Read what `note_linked` has recorded, the last record of each partition; empty if there is none."""
    found: dict[int, list[LinkedFile]] = {}
    for line in (read_plain(f"{workspaces}/{layout.LINKED}", most=1 << 40) or b"").splitlines():
        with suppress(ValueError):  # an incomplete line of a killed task; its links are not used
            number, files = json.loads(line)
            found[number] = [LinkedFile(*each) for each in files]
    return found


def check_linked(
    linked: Mapping[int, Sequence[LinkedFile]], place: Callable[[int, str], str], *, moved: bool = False
) -> None:
    """Check that hard-linked files have not changed.

    Args:
        linked: Partition → its files.
        place: Returns the path of a partition's file.
        moved: Whether they have been renamed since, which changes the times of their inodes.

    Raises:
        PublishError: one has been changed.
        OSError: one cannot be read.
    """
    changed = [
        file.name
        for number, files in linked.items()
        for file in files
        if not _is_as_noted(file, place(number, file.name), moved=moved)
    ]
    if changed:
        raise PublishError(
            "Somebody has changed published files that this run shares with another: "
            f"{several([*map(repr, changed)])}. They are no longer results of the recipe, so nothing of this "
            "run was published. Submit again to recreate the changed files."
        )


def _is_as_noted(file: LinkedFile, path: str, *, moved: bool) -> bool:
    try:
        descriptor = open_plain(path)
    except NotAsKeptError:
        return False
    try:
        status = os.fstat(descriptor)
        if status.st_size != file.size:
            return False
        if status.st_mtime_ns == file.mtime_ns and (moved or status.st_ctime_ns == file.ctime_ns):
            return True
        return sha256_of_open(descriptor) == file.sha256
    finally:
        os.close(descriptor)
