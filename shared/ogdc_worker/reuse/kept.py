"""What is kept of a task's results, as its task describes it, and reading that again.

A command can have put anything where its task writes. So no link is followed here, and whatever is not of the
form it should have is none.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.walking import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

ABOUT, FILES = "about.json", "files"
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE, _SMALL_PIECE = 1 << 20, 1 << 16
_PERMISSIONS = 0o777
_ESCAPED = "surrogateescape"


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
    beside: dict[str, str] | None = None
    """What was beside the outputs, by name; bytes that are no UTF-8 are escaped, as those of names are. None:
    each is a file of its own."""

    def to_json(self) -> str:
        """Render as stored."""
        return json.dumps(self._asdict(), ensure_ascii=True)

    def with_beside(self, directory: str, names: Iterable[str]) -> About:
        """Take in files of a directory, as far as they are there."""
        found = {name: read_plain(f"{directory}/{name}") for name in names}
        texts = {name: each.decode(errors=_ESCAPED) for name, each in found.items() if each is not None}
        return self._replace(beside=texts)

    def of_beside(self, name: str, place: str) -> bytes | None:
        """What a file that was beside the outputs held, which are kept in `place`; None: there was none."""
        if self.beside is None:
            return read_plain(f"{place}/{name}")
        text = self.beside.get(name)
        return None if text is None else text.encode(errors=_ESCAPED)

    @classmethod
    def from_json(cls, text: bytes) -> About:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is nothing of the kind.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            files = tuple(_kept_file(*each) for each in fields.pop("files"))
            done = tuple(map(str, fields.pop("done")))
            if (beside := fields.pop("beside", None)) is not None:
                beside = {str(name): str(text) for name, text in beside.items()}
            return cls(**fields, files=files, done=done, beside=beside)
        except (TypeError, KeyError, AttributeError, RecursionError) as exc:
            raise ValueError(f"This says nothing of what is kept: {exc}") from exc


def _kept_file(name: str, kind: str, mode: int, size: int = 0, what: str = "") -> KeptFile:
    """What a line of a description says, of which a command may have written it.

    Raises:
        TypeError: something is of another type.
    """
    if not all(isinstance(each, str) for each in (name, kind, what)):
        raise TypeError(f"a file is described by {name!r}, {kind!r}, {what!r}")
    return KeptFile(name, kind, mode & _PERMISSIONS, size + 0, what)


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
            raise NotAsKeptError(f"{name} is not a file, or there is too much")
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
        raise NotAsKeptError(f"{path} is not a regular file")
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
        elif file.size < above or not second_name(named, place):
            copy_file(named, place)


def second_name(source: str, place: str) -> bool:
    """Give a file a second name; False where the system cannot.

    Raises:
        FileNotFoundError: there is no such file.
    """
    try:
        os.link(source, place, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def read_plain(path: str, *, most: int = 1 << 28) -> bytes | None:
    """Read a regular file that a task may have written; None: there is none, or what is there is no such."""
    try:
        descriptor = open_plain(path)
    except (OSError, NotAsKeptError):
        return None
    pieces = []
    try:
        while most > 0 and (piece := os.read(descriptor, min(most, _SMALL_PIECE))):
            pieces.append(piece)
            most -= len(piece)
    finally:
        os.close(descriptor)
    return b"".join(pieces)


def read_note(path: str) -> tuple[dict[str, Any], About | None]:
    """Read a task's note (see `process.keeping`): what its first command began with, and what its last left.

    Raises:
        ValueError: it is no such note.
    """
    first, *others = (read_plain(path) or b"{}").split(b"\n")
    about = None
    for line in others:
        with suppress(ValueError):  # it broke off
            about = About.from_json(line)
    try:
        noted = json.loads(first)
    except RecursionError as exc:
        raise ValueError(f"{path} is nested too deep") from exc
    if not isinstance(noted, dict):
        raise ValueError(f"{path} is not a note")  # noqa: TRY004  a document's form, not a type
    return noted, about
