"""Files that a run has taken as second names of published ones: whether they are still what they were.

Whoever edits a published file in place edits these with it, also while the run that has taken them goes on.
So `reuse` notes beside the workspaces what it has linked, and `publish` compares. No command sees that note.
A file whose size and times of change are as noted is not read again; no program can set the time of change of
an inode. Each is opened, since a network file system may tell old times of what is not.
"""

from __future__ import annotations

import json
import os

from ogdc_shared import layout
from ogdc_shared.errors import PublishError
from ogdc_shared.fast_typing import TYPE_CHECKING
from ogdc_shared.several import several
from ogdc_worker.reuse.store import LinkedFile, NotAsKeptError, open_plain, read_plain, sha256_of_open

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def note_linked(workspace: str, linked: Mapping[int, Sequence[LinkedFile]]) -> None:
    """Write beside the workspaces of a run's partitions which of their files are second names."""
    if linked:
        with open(f"{workspace}/{layout.LINKED}", "w", encoding="ascii") as file:
            json.dump(linked, file)


def read_linked(workspace: str) -> dict[int, list[LinkedFile]]:
    """Read what `note_linked` has written; nothing where nothing was linked."""
    noted = json.loads(read_plain(f"{workspace}/{layout.LINKED}", most=1 << 40) or b"{}")
    return {int(number): [LinkedFile(*each) for each in files] for number, files in noted.items()}


def check_linked(
    linked: Mapping[int, Sequence[LinkedFile]], place: Callable[[int, str], str], *, moved: bool = False
) -> None:
    """Make sure that files are what they were when they were taken.

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
        if not _is_as_taken(file, place(number, file.name), moved=moved)
    ]
    if changed:
        raise PublishError(
            "Since this run has taken them from an earlier one, somebody has changed files where those are "
            f"published: {several([*map(repr, changed)])}. They are not what the recipe makes, so nothing "
            "of this run was published. Submit again: what was changed is made anew."
        )


def _is_as_taken(file: LinkedFile, path: str, *, moved: bool) -> bool:
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
