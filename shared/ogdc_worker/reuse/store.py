"""The store of results that are known by what made them: a directory of the workflow volume for each scope.

An entry is a directory, `<first two digits>/<key>/`: what a partition's workspace held once a command had
ended. `files/` are the command's outputs; beside them lie the checkpoint, the journal and, of a partition
that was at its end, its facts and warnings. `about.json` says what is there, with a SHA-256 for each file.

No command ever sees the store: only tasks that run none write there and read. Yet its files may bear a second
name, in a result that was published from the same inode, and people edit those. So what is taken is read
whole and compared first; what is not as it was kept is dropped, and the partition runs.

An entry appears and goes by renaming. Nothing waits for the disk: what a crash of the machine leaves damaged
is found to be so.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from ogdc_shared import fast_json as json
from ogdc_shared.fast_typing import TYPE_CHECKING, NamedTuple
from ogdc_shared.removal import remove
from ogdc_shared.walking import is_directory, walk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

ABOUT, FILES, USED = "about.json", "files", "used"
DRAFT = ".draft-"
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE, _SMALL_PIECE = 1 << 20, 1 << 16
_PERMISSIONS = 0o777


class KeptFile(NamedTuple):
    """Something among the outputs of a command."""

    name: str
    """Its path relative to them."""
    kind: str
    """`file`, `directory` or `link`."""
    mode: int
    """Its permissions."""
    size: int = 0
    what: str = ""
    """The SHA-256 of a file, in hex; where a link leads."""


class LinkedFile(NamedTuple):
    """A file among a task's outputs that bears a second name in a store."""

    name: str
    """Its path relative to the outputs."""
    size: int
    sha256: str
    """In hex."""
    mtime_ns: int
    """When it was changed last, before it was compared; so `ctime_ns`."""
    ctime_ns: int

    @classmethod
    def of(cls, file: KeptFile, path: str) -> LinkedFile:
        """Describe one as it is now."""
        status = os.lstat(path)
        return cls(file.name, file.size, file.what, status.st_mtime_ns, status.st_ctime_ns)


class About(NamedTuple):
    """What an entry holds."""

    key: str
    commands: int
    """How many commands had ended."""
    done: tuple[str, ...]
    """The steps that had, by name."""
    files: tuple[KeptFile, ...]
    run: str = ""
    """The run that made it; empty where nobody has said so yet."""
    whole: bool = False
    """Whether the partition was at its end: nothing is left to do."""

    def to_json(self) -> str:
        """Render as stored."""
        return json.dumps(self._asdict(), ensure_ascii=True)

    @classmethod
    def from_json(cls, text: bytes) -> About:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is nothing of the kind.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            files = tuple(KeptFile(*each) for each in fields.pop("files"))
            done = tuple(map(str, fields.pop("done")))
            return cls(**fields, files=files, done=done)
        except (TypeError, KeyError, AttributeError, RecursionError) as exc:
            raise ValueError(f"This says nothing of what is kept: {exc}") from exc


class NotAsKeptError(Exception):
    """What is there is not what was kept."""


def described(directory: str, *, most: int) -> tuple[KeptFile, ...]:
    """Describe all that a directory holds, which takes reading it.

    Args:
        directory: The outputs of a command.
        most: Bytes; more is not looked at.

    Raises:
        NotAsKeptError: it is more, or holds what cannot be kept.
        OSError: it cannot be read.
    """
    found, room = [], most
    for name, entry in walk(directory):
        status = entry.stat(follow_symlinks=False)
        mode = stat.S_IMODE(status.st_mode) & _PERMISSIONS
        if stat.S_ISDIR(status.st_mode):
            found.append(KeptFile(name, "directory", mode))
        elif stat.S_ISLNK(status.st_mode):
            found.append(KeptFile(name, "link", mode, what=os.readlink(entry.path)))
        elif stat.S_ISREG(status.st_mode) and (room := room - status.st_size) >= 0:
            found.append(KeptFile(name, "file", mode, status.st_size, sha256_of(entry.path)))
        else:
            raise NotAsKeptError(f"{name} is no file, or there is too much")
    return tuple(sorted(found))


def sha256_of(path: str) -> str:
    """The SHA-256 of a file, in hex; never of what a link leads to.

    Raises:
        OSError: it cannot be read.
        NotAsKeptError: it is no regular file.
    """
    descriptor = open_plain(path)
    try:
        return sha256_of_open(descriptor)
    finally:
        os.close(descriptor)


def open_plain(path: str) -> int:
    """Open a regular file, never what a link leads to; returns its descriptor.

    Raises:
        OSError: it cannot be opened.
        NotAsKeptError: it is no regular file.
    """
    descriptor = os.open(path, _OPEN)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAsKeptError(f"{path} is no regular file")
    return descriptor


def sha256_of_open(descriptor: int) -> str:
    """The SHA-256 of an open file from where it is, in hex."""
    length = os.fstat(descriptor).st_size
    state, size = _sha256(length), _PIECE if length > _SMALL_PIECE else _SMALL_PIECE
    while piece := os.read(descriptor, size):
        state.update(piece)
    return str(state.hexdigest())


def _sha256(size: int) -> Any:
    if size > _PIECE:
        from hashlib import sha256  # OpenSSL's: takes long to load, and is several times as fast
    else:
        from ogdc_shared.digests import sha256
    return sha256()


class Entry(NamedTuple):
    """A result that is kept."""

    place: str
    about: About

    def read(self, name: str) -> bytes | None:
        """What a file beside the outputs holds; None: there is none."""
        return read_plain(f"{self.place}/{name}")


class Store:
    """The results of one scope."""

    def __init__(self, directory: str) -> None:
        """Look at nothing yet."""
        self.directory = directory

    def find(self, key: str) -> Entry | None:
        """Find what is kept under a key; None: nothing is, or what cannot be read."""
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
        """Put the outputs that an entry holds into a directory that is made, each compared with what it was.

        Returns the files that are second names: they may be changed by their first ones (see `linked`).

        Args:
            entry: The entry.
            target: Where nothing is yet.
            linked: Whether files may be second names of those that are kept, since no command reads them.

        Raises:
            NotAsKeptError: they are not what was kept.
            OSError: they cannot be read or written.
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
        """Make a directory for what is about to be an entry, or of one, on the same file system."""
        os.makedirs(self.directory, exist_ok=True)
        place = f"{self.directory}/{DRAFT}{os.urandom(8).hex()}"
        os.mkdir(place)
        return place

    def add(self, draft: str, about: About) -> None:
        """Make a draft an entry, in the place of what was known by its key."""
        with open(f"{draft}/{USED}", "w", encoding="ascii") as file:
            file.write(str(sum(each.size for each in about.files)))
        with open(f"{draft}/{ABOUT}", "w", encoding="ascii") as file:
            file.write(about.to_json())
        place = self._place(about.key)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        self.drop(about.key)
        os.rename(draft, place)

    def drop(self, key: str) -> None:
        """Remove what is kept under a key."""
        gone = f"{self.directory}/{DRAFT}{os.urandom(8).hex()}"
        with suppress(FileNotFoundError):
            os.rename(self._place(key), gone)
            remove(gone)

    def _place(self, key: str) -> str:
        return f"{self.directory}/{key[:2]}/{key}"


def _take_file(file: KeptFile, source: str, place: str, *, linked: bool) -> list[LinkedFile]:
    from ogdc_shared.copying import copy_file

    is_linked = linked and _linked(source, place)
    if not is_linked:
        copy_file(source, place)
        os.chmod(place, file.mode)
    found = LinkedFile.of(file, place)
    if sha256_of(place) != file.what:
        raise NotAsKeptError(f"{file.name} is not what it was")
    return [found] if is_linked else []


def _linked(source: str, place: str) -> bool:
    try:
        os.link(source, place, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def give_names(files: Sequence[KeptFile], source: str, target: str, *, above: int = 0) -> None:
    """Give what a directory holds second names in another, which is made.

    Args:
        files: What it holds.
        source: The directory.
        target: Where nothing is yet.
        above: Bytes of a file; one of no more than that is copied, as is any that cannot have another name.

    Raises:
        OSError: something cannot be read or written.
    """
    from ogdc_shared.copying import copy_file

    os.mkdir(target)
    for file in files:
        named, place = f"{source}/{file.name}", f"{target}/{file.name}"
        if file.kind == "directory":
            os.mkdir(place)
        elif file.kind == "link":
            os.symlink(file.what, place)
        elif file.size < above or not _linked(named, place):
            copy_file(named, place)


def linked_of(files: Sequence[KeptFile], directory: str) -> list[LinkedFile]:
    """Describe those of a directory's files that have more names than one, as `give_names` leaves them."""
    return [
        LinkedFile.of(file, path)
        for file in files
        if file.kind == "file" and os.lstat(path := f"{directory}/{file.name}").st_nlink > 1
    ]


def read_plain(path: str, *, most: int = 1 << 28) -> bytes | None:
    """Read a regular file that a task may have written; None: there is none, or what is there is no such."""
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return None
    pieces = []
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        while most > 0 and (piece := os.read(descriptor, min(most, _SMALL_PIECE))):
            pieces.append(piece)
            most -= len(piece)
    finally:
        os.close(descriptor)
    return b"".join(pieces)


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
