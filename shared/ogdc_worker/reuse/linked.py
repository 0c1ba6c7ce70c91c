"""Files of a run that bear a second name in the store: whether they are still what its tasks left.

The same inode may be published by another run, from which this one has taken it, or which has taken it from
this one. Whoever edits it there in place edits it here, also while this run goes on, or waits for a retry. So
whoever gives second names notes beside the workspaces to what, and `publish` compares. No command sees that
note. A file whose size and times of change are as noted is not read again; no program can set the time of
change of an inode. Each is opened, since a network file system may tell old times of what is not.
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
    """Add to the note beside a run's workspaces which files of a partition have second names.

    Raises:
        OSError: it cannot be written.
    """
    if linked:
        with open(f"{workspaces}/{layout.LINKED}", "a", encoding="ascii") as file:
            file.write(f"\n{json.dumps([number, linked])}\n")  # a line that broke off takes none with it


def read_linked(workspaces: str) -> dict[int, list[LinkedFile]]:
    """Read what `note_linked` has noted, the last of each partition; nothing where nothing was."""
    found: dict[int, list[LinkedFile]] = {}
    for line in (read_plain(f"{workspaces}/{layout.LINKED}", most=1 << 40) or b"").splitlines():
        with suppress(ValueError):  # of a task that was killed over it, before the names were of use
            number, files = json.loads(line)
            found[number] = [LinkedFile(*each) for each in files]
    return found


def check_linked(
    linked: Mapping[int, Sequence[LinkedFile]], place: Callable[[int, str], str], *, moved: bool = False
) -> None:
    """Make sure that files are what they were when they got a second name.

    Args:
        linked: By partition, its files.
        place: Gives the path of a partition's file.
        moved: Whether they were renamed since, which changes the times of their inodes.

    Raises:
        PublishError: somebody has changed one.
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
            f"{several([*map(repr, changed)])}. They are no longer what the recipe makes, so nothing of this "
            "run was published. Submit again: what was changed is made anew."
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
