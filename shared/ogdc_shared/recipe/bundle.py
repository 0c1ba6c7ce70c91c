"""Packing a recipe directory into an archive, and unpacking untrusted ones.

`pack` is reproducible: the same files give the same bytes, so `digest` identifies the content. `unpack`
checks names, types, numbers and sizes of members while it reads.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

from ogdc_shared.digests import files_digest
from ogdc_shared.errors import NO_ROOM, InvalidRecipeError, StorageUnavailableError
from ogdc_shared.recipe.files import UnusableFileError, confined
from ogdc_shared.recipe.forms import MAX_BUNDLE
from ogdc_shared.recipe.packing import LeftOut, files_to_pack, too_many
from ogdc_shared.trees import write_all

MAX_CONTENT = 256 * 1024 * 1024
"""Size limit of all files in it, in bytes. A list of a million URLs has about 80 MB, and 8 MB compressed."""
MAX_FILES = 10_000
MAX_DEPTH = 64
"""Directories inside each other."""

_CHUNK = 1024 * 1024
_INSTEAD = (
    "list what does not belong to the recipe in .ogdcignore, as in a .gitignore, or publish data somewhere "
    "and name their URLs instead."
)
_TAR_OVERHEAD = 32 * 1024 * 1024
_HEADERS = 1024 * 1024
"""Maximum number of bytes between the contents of two files."""
_HEADERS_KEPT = 256
"""How many headers are kept, 0.5 KB each; many recipes have the same files."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
"""Exceptions of the standard library for a file that is damaged, encrypted or not an archive."""


def digest(bundle: bytes) -> str:
    """Return the SHA-256 of a bundle in hex."""
    return hashlib.sha256(bundle).hexdigest()


def content_digest(bundle: bytes) -> str:
    """Return the digest of the files in a bundle, which is the same after unpacking."""
    files = ((entry.name, entry.content) for entry in _entries(bundle))
    return files_digest(
        (name, hashlib.sha256(content.read()).hexdigest()) for name, content in files if content is not None
    )


class Packed(NamedTuple):
    """A recipe directory as an archive."""

    bundle: bytes
    content: str
    """Its `content_digest`."""
    files: tuple[tuple[str, str], ...] = ()
    """Path and digest of each of its files."""


def pack(directory: Path, *, on_left_out: Callable[[LeftOut], None] = lambda _: None) -> bytes:
    """Pack the files of a recipe directory into a tar.gz; see `pack_with_digest`."""
    return pack_with_digest(directory, on_left_out=on_left_out).bundle


def pack_with_digest(directory: Path, *, on_left_out: Callable[[LeftOut], None] = lambda _: None) -> Packed:
    """Pack the files of a recipe directory into a tar.gz.

    Links are replaced by the files they lead to. Version control, caches and outputs of earlier runs
    (`files.NOT_PART`) are left out, and so are empty directories and what `packing` decides.

    Args:
        directory: The recipe's directory.
        on_left_out: Called with each file or directory that is left out.

    Raises:
        InvalidRecipeError: a file that the recipe refers to is missing, a directory, or a link that leaves
            the directory; or there are too many or too large files.
    """
    buffer = io.BytesIO()
    room = MAX_CONTENT
    digests: list[tuple[str, str]] = []
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, filename="", mtime=0) as stream:
        for name in files_to_pack(directory, most=MAX_FILES, on_left_out=on_left_out):
            with _opened(_packable(directory, name), name) as file:
                status = os.fstat(file)
                room -= status.st_size
                if room < 0:
                    raise _too_much(name)
                stream.write(_header(name, status.st_size, executable=bool(status.st_mode & 0o100)))
                digests.append((name, _copy(file, stream, size=status.st_size)))
        end = 2 * tarfile.BLOCKSIZE
        stream.write(bytes(end + -(stream.tell() + end) % tarfile.RECORDSIZE))
    return Packed(_bounded(buffer.getvalue()), files_digest(digests), tuple(digests))


def unpack(
    data: bytes | BinaryIO, into: Path, *, most: int | None = None, most_files: int | None = None
) -> None:
    """Unpack a bundle (tar.gz or zip) into the directory `into`, which is created if needed.

    Only regular files and directories are created, with ordinary permissions, and nothing is overwritten.

    Args:
        data: The bundle.
        into: The target directory.
        most: Size limit of the content in bytes; None means `MAX_CONTENT`.
        most_files: Maximum number of files and directories; None means `MAX_FILES`.

    Raises:
        InvalidRecipeError: the archive is damaged or too large, or contains a link, a device, a path outside,
            or a name twice. The caller has to remove what was unpacked until then.
        StorageUnavailableError: the disk is full.
    """
    bundle = _bounded(data if isinstance(data, bytes) else data.read(MAX_BUNDLE + 1))
    room = MAX_CONTENT if most is None else most
    most_files = MAX_FILES if most_files is None else most_files
    root = os.fspath(into)
    if not os.path.isdir(root):
        os.makedirs(root, exist_ok=True)
    directories = {root}
    try:
        for number, entry in enumerate(_entries(bundle), start=1):
            if number > most_files:
                raise too_many(most_files)
            room -= _extract(entry, root, directories, most=room)
    except _BROKEN as exc:
        raise _damaged(exc) from exc


def _damaged(exc: Exception) -> InvalidRecipeError:
    return InvalidRecipeError(f"bundle: is damaged or encrypted ({exc}); pack the recipe again.")


def _bounded(bundle: bytes) -> bytes:
    if len(bundle) > MAX_BUNDLE:
        raise InvalidRecipeError(f"bundle: is larger than {MAX_BUNDLE:,} bytes; {_INSTEAD}")
    return bundle


def _too_much(name: str) -> InvalidRecipeError:
    return InvalidRecipeError(
        f"bundle: with {name} there are more than {MAX_CONTENT:,} bytes of files; {_INSTEAD}"
    )


# --- packing ---


def _packable(directory: Path, name: str) -> str:
    try:
        name.encode()
        return confined(directory, name)
    except UnicodeEncodeError as exc:
        raise InvalidRecipeError(f"{name!r}: the name is not UTF-8; rename the file.") from exc
    except UnusableFileError as exc:
        raise InvalidRecipeError(f"{name}: {exc}") from exc


@contextmanager
def _opened(path: str, name: str) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except OSError as exc:
        reason = exc.strerror or exc
        raise InvalidRecipeError(f"{name}: cannot be read ({reason}); check its permissions.") from exc


@lru_cache(_HEADERS_KEPT)
def _header(name: str, size: int, *, executable: bool) -> bytes:
    """Return a header with name, size and executable bit; time and owner would make archives differ."""
    header = tarfile.TarInfo(name)
    header.size = size
    header.mode = 0o755 if executable else 0o644
    return header.tobuf(tarfile.PAX_FORMAT)


def _copy(file: int, stream: gzip.GzipFile, *, size: int) -> str:
    """Copy a file's content into an archive, padded to whole blocks, and return its digest.

    Raises:
        OSError: it has fewer than `size` bytes, because somebody is writing it.
    """
    state = hashlib.sha256()
    left = size
    while left:
        chunk = os.read(file, min(left, _CHUNK))
        if not chunk:
            raise OSError("it became shorter while it was read")
        state.update(chunk)
        stream.write(chunk)
        left -= len(chunk)
    stream.write(bytes(-size % tarfile.BLOCKSIZE))
    return state.hexdigest()


# --- unpacking ---


class _Entry(NamedTuple):
    """A member of an archive."""

    name: str
    content: IO[bytes] | None
    """None for a directory."""
    executable: bool


def _entries(bundle: bytes) -> Iterator[_Entry]:
    if bundle.startswith(b"\x1f\x8b"):
        return _tar_entries(bundle)
    if bundle.startswith(b"PK"):
        return _zip_entries(bundle)
    raise InvalidRecipeError(
        "bundle: is neither a tar.gz nor a zip; pack the recipe directory as one of them."
    )


def _tar_entries(bundle: bytes) -> Iterator[_Entry]:
    stream = _Limited(gzip.GzipFile(fileobj=io.BytesIO(bundle)))
    stream.allow(_HEADERS, "its names")
    with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
        for member in archive:
            if not member.isreg() and not member.isdir():
                raise _unwanted(member.name)
            content = archive.extractfile(member) if member.isreg() else None
            stream.allow(MAX_CONTENT, "what follows")
            yield _Entry(member.name, content, executable=bool(member.mode & 0o100))
            while content is not None and content.read(_CHUNK):
                pass  # the content has to be read even if nobody needs it
            stream.allow(_HEADERS, "its names")
        stream.allow(MAX_CONTENT, "what follows")
    while stream.read(_CHUNK):
        pass  # the checksum is at the end


def _zip_entries(bundle: bytes) -> Iterator[_Entry]:
    if bundle.count(b"PK\x01\x02") > MAX_FILES:  # before zipfile creates an object for each
        raise too_many(MAX_FILES)
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        for member in archive.infolist():
            mode = member.external_attr >> 16
            if mode & 0o170000 not in {0, 0o100000, 0o040000}:
                raise _unwanted(member.filename)
            if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise InvalidRecipeError(
                    f"bundle: {member.filename!r} is not compressed with deflate; use deflate."
                )
            if member.is_dir():
                yield _Entry(member.filename, None, executable=False)
            else:
                with archive.open(member) as content:
                    yield _Entry(member.filename, content, executable=bool(mode & 0o100))


def _unwanted(name: str) -> InvalidRecipeError:
    return InvalidRecipeError(f"bundle: {name!r} is a link or a device; pack the file itself in its place.")


def _extract(entry: _Entry, into: str, directories: set[str], *, most: int) -> int:
    """Write one entry below `into`, and return its size in bytes.

    `directories` are those that exist already; the new ones are added.
    """
    target = f"{into}/{_inside(entry.name)}"
    directory = target if entry.content is None else target.rpartition("/")[0]
    try:
        if directory not in directories:
            os.makedirs(directory, exist_ok=True)
            directories.add(directory)
        return 0 if entry.content is None else _write(target, entry, entry.content, most=most)
    except OSError as exc:
        raise _unwritable(entry.name, exc) from exc


def _write(target: str, entry: _Entry, content: IO[bytes], *, most: int) -> int:
    """Write a new file, and return its size in bytes. Python's own file would take four more system calls."""
    size = 0
    descriptor = os.open(target, _NEW, 0o600)
    try:
        for chunk in _chunks(entry.name, content, most=most):
            size += len(chunk)
            write_all(descriptor, chunk)
        os.fchmod(descriptor, 0o755 if entry.executable else 0o644)
    finally:
        os.close(descriptor)
    return size


def _chunks(name: str, content: IO[bytes], *, most: int) -> Iterator[bytes]:
    size = 0
    try:
        while chunk := content.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise _too_much(name)
            yield chunk
    except _BROKEN as exc:
        raise _damaged(exc) from exc


def _inside(name: str) -> str:
    """Return a member's path relative to the recipe."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if "\0" in name or "\\" in name or name.startswith("/") or ".." in parts:
        raise InvalidRecipeError(
            f"bundle: the name {name!r} is outside the recipe; pack relative names, without '..'."
        )
    if len(parts) > MAX_DEPTH:
        raise InvalidRecipeError(
            f"bundle: {name[:100]!r}… is more than {MAX_DEPTH} directories deep; pack a flatter recipe."
        )
    return "/".join(parts)


def _unwritable(name: str, exc: OSError) -> InvalidRecipeError | StorageUnavailableError:
    if exc.errno in NO_ROOM | {errno.EFBIG}:
        return StorageUnavailableError("There is no room to unpack the recipe. Try again later.")
    return InvalidRecipeError(
        f"bundle: {name!r} cannot be unpacked ({exc.strerror}); is the name there twice?"
    )


class _Limited:
    """Limits how much is read from an archive, against decompression bombs.

    Headers between the contents of two files are limited, too, since `tarfile` reads them into memory,
    whatever size they claim.
    """

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._room = MAX_CONTENT + _TAR_OVERHEAD
        self._allowed = 0
        self._what = ""

    def allow(self, size: int, what: str) -> None:
        """Allow reading `size` more bytes; `what` is named in the error if there are more."""
        self._allowed, self._what = size, what

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._room -= len(data)
        self._allowed -= len(data)
        if self._room < 0 or self._allowed < 0:
            raise _too_much(self._what)
        return data
