"""The interface of the artifact store: small objects by key, written atomically."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from ogdc_shared.errors import InvalidRequestError, OgdcError, StorageUnavailableError

MAX_KEY_BYTES = 1024
MAX_SEGMENT_BYTES = 255
_AT_ONCE = 8
_PLAIN_KEY = re.compile(r"[-\w][-\w.]*(?:/[-\w][-\w.]*)*", re.ASCII)
"""Most keys, which are safe if they are no longer than a segment may be."""
PIECE_BYTES = 1 << 20

_T = TypeVar("_T")


class ArtifactNotFoundError(OgdcError):
    """No artifact has that key: it was never written, or its time is over.

    Attributes:
        key: The key that was asked for.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no artifact {key!r}.")
        self.key = key


class Artifact(NamedTuple):
    """An artifact's metadata."""

    size: int
    """Bytes."""
    etag: str
    """Changes when the artifact is replaced."""


class ArtifactStore(Protocol):
    """The operations that submit, the status service and the local engine need.

    Every method raises StorageUnavailableError if the store does not answer or is full, and
    InvalidRequestError for a key that `check_key` refuses.
    """

    def __hash__(self) -> int:
        """Stores are compared by identity, even if they use the same place."""
        ...

    def put(self, key: str, data: bytes | Path) -> None:
        """Write an artifact from bytes or a file; a reader sees the old one or the new one, never a part."""
        ...

    def put_all(self, artifacts: Iterable[tuple[str, bytes | Path]]) -> None:
        """Write many artifacts as `put` does, several in parallel; only a few are in memory at once.

        If one cannot be written, some of the others may have been.
        """
        ...

    def get(self, key: str, *, first: int | None = None) -> bytes:
        """Read a whole artifact, or only its first `first` bytes.

        Raises:
            ArtifactNotFoundError: the artifact does not exist.
        """
        ...

    def fetch(self, key: str, into: Path) -> None:
        """Copy an artifact to the file `into`, which appears only once it is complete.

        Raises:
            ArtifactNotFoundError: the artifact does not exist.
        """
        ...

    def size(self, key: str) -> int | None:
        """Return the size of an artifact in bytes, or None if it does not exist."""
        ...

    def describe(self, key: str) -> Artifact | None:
        """Return an artifact's metadata, or None if it does not exist."""
        ...

    def read(self, key: str, artifact: Artifact, begin: int, end: int) -> Iterator[bytes]:
        """Yield an artifact's bytes from `begin` up to `end` (exclusive), at most a megabyte at a time.

        Raises:
            ArtifactNotFoundError: the artifact does not exist.
            StorageUnavailableError: as above, or the artifact was replaced since `describe`.
        """
        ...

    def delete_prefix(self, prefix: str) -> None:
        """Remove all artifacts below `prefix`, which ends in a slash; none is fine too."""
        ...

    def link(self, key: str, *, seconds: int) -> str:
        """A URL that hands out the artifact for `seconds`; its path ends in the key's file name.

        Raises:
            ConfigurationError: the settings do not say where downloads are served.
        """
        ...


def replaced_meanwhile(key: str) -> StorageUnavailableError:
    """Return the error for an artifact that was replaced while being read."""
    return StorageUnavailableError(f"Artifact {key!r} was replaced while it was read. Try again.")


def several_at_once(work: Callable[[_T], object], items: Iterable[_T]) -> None:
    """Call `work` for each item in threads, holding only a few items at once; its errors are passed on."""
    left = iter(items)
    first = list(islice(left, 2))
    if len(first) < 2:  # not worth a thread
        for item in first:
            work(item)
        return
    from concurrent.futures import ThreadPoolExecutor

    left = chain(first, left)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        while some := list(islice(left, 2 * _AT_ONCE)):
            for _ in threads.map(work, some):
                pass


def check_key(key: str) -> str:
    """Return `key` if it is safe as an S3 key, a relative path and a part of a URL.

    Segments that begin with a dot are refused: `.` and `..` lead elsewhere, and other names with a dot are
    reserved for incomplete files.

    Raises:
        InvalidRequestError: the key is unsafe; the message says why.
    """
    if len(key) <= MAX_SEGMENT_BYTES and _PLAIN_KEY.fullmatch(key):
        return key
    problem = _key_problem(key)
    if problem:
        raise InvalidRequestError(f"{key[:200]!r} cannot be the key of an artifact: {problem}.")
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` if it is a safe key followed by one slash.

    Raises:
        InvalidRequestError: it is not.
    """
    if not prefix.endswith("/"):
        raise InvalidRequestError(
            f"{prefix[:200]!r} cannot be a prefix of artifacts: it must end in a slash."
        )
    check_key(prefix[:-1])
    return prefix


def _key_problem(key: str) -> str | None:
    if not key.isprintable():
        return "it holds characters that cannot be printed"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"it is longer than {MAX_KEY_BYTES} bytes"
    segments = key.split("/")
    if not all(segments):
        return "a part between slashes is empty"
    if any(segment.startswith(".") for segment in segments):
        return "a part between slashes begins with a dot"
    if any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        return f"a part between slashes is longer than {MAX_SEGMENT_BYTES} bytes"
    return None
