"""Descriptions of kept results, and reading them.

Commands can write anything where their task writes. So no link is followed here, and malformed data are
ignored.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.open_flags import READ_FILE
from ogdc_shared.walking import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

ABOUT, FILES = "about.json", "files"
_PIECE, _SMALL_PIECE = 1 << 20, 1 << 16
_PERMISSIONS = 0o777
_ESCAPED = "surrogateescape"


class KeptFile(NamedTuple):
    """A file, directory or link among the outputs of a command."""

    name: str
    """Path relative to the outputs."""
    kind: str
    """`file`, `directory` or `link`."""
    mode: int
    """Permission bits."""
    size: int = 0
    what: str = ""
    """SHA-256 of a file, in hex, or the target of a link."""


class About(NamedTuple):
    """The description of an entry."""

    key: str
    commands: int
    """Number of finished commands."""
    done: tuple[str, ...]
    """Names of the finished steps."""
    files: tuple[KeptFile, ...]
    run: str = ""
    """The run that made it; empty if that is not set yet."""
    whole: bool = False
    """Whether these are the outputs of a finished partition."""
    beside: dict[str, str] | None = None
    """Files beside the outputs, by name; bytes that are not UTF-8 are escaped, as in file names. None if each
    is stored as a file."""

    def to_json(self) -> str:
        """Return it in the stored format."""
        return json.dumps(self._asdict(), ensure_ascii=True)

    def with_beside(self, directory: str, names: Iterable[str]) -> About:
        """Return it with files of a directory added, if they exist."""
        found = {name: read_plain(f"{directory}/{name}") for name in names}
        texts = {name: each.decode(errors=_ESCAPED) for name, each in found.items() if each is not None}
        return self._replace(beside=texts)

    def of_beside(self, name: str, place: str) -> bytes | None:
        """Return the content of a file beside the outputs (stored in `place`), or None if there was none."""
        if self.beside is None:
            return read_plain(f"{place}/{name}")
        text = self.beside.get(name)
        return None if text is None else text.encode(errors=_ESCAPED)

    @classmethod
    def from_json(cls, text: bytes) -> About:
        """Parse the output of `to_json`.

        Raises:
            ValueError: it is malformed.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            files = tuple(_kept_file(*each) for each in fields.pop("files"))
            done = tuple(map(str, fields.pop("done")))
            if (beside := fields.pop("beside", None)) is not None:
                beside = {str(name): str(text) for name, text in beside.items()}
            return cls(**fields, files=files, done=done, beside=beside)
        except (TypeError, KeyError, AttributeError, RecursionError) as exc:
            raise ValueError(f"Cannot read the record of the kept result: {exc}") from exc


def _kept_file(name: str, kind: str, mode: int, size: int = 0, what: str = "") -> KeptFile:
    """Return a file's description; a command may have written it.

    Raises:
        TypeError: a value has the wrong type.
    """
    if {type(name), type(kind), type(what)} != {str}:
        raise TypeError(f"a file is described by {name!r}, {kind!r}, {what!r}")
    return KeptFile(name, kind, mode & _PERMISSIONS, size + 0, what)


class NotAsKeptError(Exception):
    """Data differ from what was kept."""


def described(directory: str, *, most: int) -> tuple[KeptFile, ...]:
    """Describe everything in a directory; this reads all files.

    Args:
        directory: The outputs of a command.
        most: Size limit in bytes.

    Raises:
        NotAsKeptError: it is larger, or contains something that cannot be kept.
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
    """Return the SHA-256 of a regular file in hex, without following a link.

    Raises:
        OSError: it cannot be read.
        NotAsKeptError: it is not a regular file.
    """
    descriptor = open_plain(path)
    try:
        return sha256_of_open(descriptor)
    finally:
        os.close(descriptor)


def status_and_sha256_of(path: str) -> tuple[os.stat_result, str]:
    """Return the status of a regular file before it was read, and its SHA-256 as `sha256_of` does."""
    descriptor = open_plain(path)
    try:
        return os.fstat(descriptor), sha256_of_open(descriptor)
    finally:
        os.close(descriptor)


def open_plain(path: str) -> int:
    """Open a regular file without following a link; returns its descriptor.

    Raises:
        OSError: it cannot be opened.
        NotAsKeptError: it is not a regular file.
    """
    descriptor = os.open(path, READ_FILE)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAsKeptError(f"{path} is not a regular file")
    return descriptor


def sha256_of_open(descriptor: int) -> str:
    """Return the SHA-256 of an open file from its current position, in hex."""
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
    """Hard-link the content of a directory into a new directory.

    Args:
        files: The content.
        source: The directory.
        target: The new directory, which must not exist.
        above: Only link files larger than this number of bytes; others, and those that cannot be linked, are
            copied.

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
    """Hard-link a file; False if the file system cannot.

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
    """Read a regular file that a task may have written; return None if there is none."""
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
    """Read a task's note (see `process.keeping`): the state before the first command, the last one's result.

    Raises:
        ValueError: it is malformed.
    """
    first, *others = (read_plain(path) or b"{}").split(b"\n")
    about = None
    for line in others:
        with suppress(ValueError):  # an incomplete line
            about = About.from_json(line)
    try:
        noted = json.loads(first)
    except RecursionError as exc:
        raise ValueError(f"{path} is nested too deep") from exc
    if not isinstance(noted, dict):
        raise ValueError(f"{path} is not a note")  # noqa: TRY004  a document's form, not a type
    return noted, about
