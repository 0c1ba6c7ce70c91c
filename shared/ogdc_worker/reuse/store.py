"""The store of reusable results: a directory of the workflow volume for each scope.

An entry is a directory, `<first two digits>/<key>/`, with the state of a partition's workspace after a
command. `files/` are the command's outputs. `about.json` describes them, with a SHA-256 for each file, and
contains the files beside them: the checkpoint, the journal and, for a finished partition, its facts and
warnings.

Commands never see the store; only tasks that run none access it. But its files may be hard-linked to
published results, which people may edit. So files are read and compared before they are used. If one differs,
the entry is removed, and the partition is run.

Entries are created and removed by renaming. They are not flushed; damage by a crash of the machine is
detected.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.removal import remove
from ogdc_shared.walking import is_directory, walk
from ogdc_worker.reuse.kept import (
    ABOUT,
    FILES,
    About,
    KeptFile,
    NotAsKeptError,
    read_plain,
    second_name,
    status_and_sha256_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

USED = "used"
DRAFT = ".draft-"


class LinkedFile(NamedTuple):
    """A file of a task's outputs that is hard-linked to a store."""

    name: str
    """Path relative to the outputs."""
    size: int
    sha256: str
    """In hex."""
    mtime_ns: int
    """Time of modification before it was compared; the same applies to `ctime_ns`."""
    ctime_ns: int

    @classmethod
    def of(cls, file: KeptFile, status: os.stat_result) -> LinkedFile:
        """Describe a file of this status."""
        return cls(file.name, file.size, file.what, status.st_mtime_ns, status.st_ctime_ns)


class Entry(NamedTuple):
    """A kept result."""

    place: str
    about: About

    def read(self, name: str) -> bytes | None:
        """Return the content of a file beside the outputs, or None if there was none."""
        return self.about.of_beside(name, self.place)


class Store:
    """The results of one scope."""

    def __init__(self, directory: str) -> None:
        """Store the path; nothing is read yet."""
        self.directory = directory

    def find(self, key: str) -> Entry | None:
        """Return the entry of a key, or None if there is none or it cannot be read."""
        place = self._place(key)
        content = read_plain(f"{place}/{ABOUT}")
        if content is None:
            return None
        try:
            about = About.from_json(content)
        except ValueError:
            self.drop(key)
            return None
        return Entry(place, about) if about.key == key else None

    def take(self, entry: Entry, target: str, *, linked: bool) -> list[LinkedFile]:
        """Copy or link an entry's outputs into the directory `target`, verifying each file.

        Returns the files that are hard links: whoever edits the published originals changes them (see
        `linked`).

        Args:
            entry: The entry.
            target: The directory to create; it must not exist.
            linked: Whether hard links to the kept files may be used, because no command reads them.

        Raises:
            NotAsKeptError: the files differ from what was kept.
            OSError: the files cannot be read or written.
        """
        os.mkdir(target)
        late, taken = [], list[LinkedFile]()
        for file in entry.about.files:
            source, place = f"{entry.place}/{FILES}/{file.name}", f"{target}/{file.name}"
            if file.kind == "directory":
                os.mkdir(place)
                late.append((place, file.mode))
            elif file.kind == "link":
                os.symlink(file.what, place)
            else:
                taken += _take_file(file, source, place, linked=linked)
        for place, mode in reversed(late):
            os.chmod(place, mode)
        with suppress(OSError):
            os.utime(f"{entry.place}/{USED}")
        return taken

    def draft(self) -> str:
        """Create a directory for a future entry, or for something taken from one, on the same file system."""
        os.makedirs(self.directory, exist_ok=True)
        place = f"{self.directory}/{DRAFT}{os.urandom(8).hex()}"
        os.mkdir(place)
        return place

    def add(self, draft: str, about: About) -> None:
        """Turn a draft into an entry, replacing the previous entry of its key."""
        with open(f"{draft}/{USED}", "w", encoding="ascii") as file:
            file.write(str(sum(each.size for each in about.files)))
        with open(f"{draft}/{ABOUT}", "w", encoding="ascii") as file:
            file.write(about.to_json())
        place = self._place(about.key)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        self.drop(about.key)
        os.rename(draft, place)

    def drop(self, key: str) -> None:
        """Remove the entry of a key."""
        gone = f"{self.directory}/{DRAFT}{os.urandom(8).hex()}"
        with suppress(FileNotFoundError):
            os.rename(self._place(key), gone)
            remove(gone)

    def _place(self, key: str) -> str:
        return f"{self.directory}/{key[:2]}/{key}"


def _take_file(file: KeptFile, source: str, place: str, *, linked: bool) -> list[LinkedFile]:
    from ogdc_shared.copying import copy_file

    is_linked = linked and second_name(source, place)
    if not is_linked:
        copy_file(source, place)
        os.chmod(place, file.mode)
    status, found = status_and_sha256_of(place)
    if found != file.what:
        raise NotAsKeptError(f"{file.name} is not what it was")
    return [LinkedFile.of(file, status)] if is_linked else []


def linked_of(files: Sequence[KeptFile], directory: str) -> list[LinkedFile]:
    """Describe those of a directory's files that have more names than one, as `give_names` leaves them."""
    return [
        LinkedFile.of(file, status)
        for file in files
        if file.kind == "file" and (status := os.lstat(f"{directory}/{file.name}")).st_nlink > 1
    ]


def is_as_described(directory: str, files: tuple[KeptFile, ...]) -> bool:
    """Whether a directory holds these names, each of its kind and size; what files hold is not read."""
    if not is_directory(directory):
        return False
    found = {}
    for name, entry in walk(directory):
        status = entry.stat(follow_symlinks=False)
        size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        found[name] = (_kind(status.st_mode), size)
    return found == {file.name: (file.kind, file.size) for file in files}


def _kind(mode: int) -> str:
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(mode), "other")
