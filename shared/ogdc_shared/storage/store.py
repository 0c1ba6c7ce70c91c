"""The interface of the artifact store: small objects by key, written atomically."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from ogdc_shared.errors import InvalidRequestError, OgdcError, StorageUnavailableError

MAX_KEY_BYTES = 1024
MAX_SEGMENT_BYTES = 255
_AT_ONCE = 8
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
    """What can be told of an artifact without reading it."""

    size: int
    """Bytes."""
    etag: str
    """Another one once it was replaced."""


class ArtifactStore(Protocol):
    """What submit, the status service and the local engine need of a store.

    Every method raises StorageUnavailableError when the store does not answer or has no room, and
    InvalidRequestError for a key that `check_key` refuses.
    """

    def __hash__(self) -> int:
        """One store is no other, although they may lead to the same place."""
        ...

    def put(self, key: str, data: bytes | Path) -> None:
        """Write an artifact from bytes or a file; a reader sees the old one or the new one, never a part."""
        ...

    def put_all(self, artifacts: Iterable[tuple[str, bytes | Path]]) -> None:
        """Write many as `put` does, several at the same time; only a few of them are held at once.

        Where one cannot be written, some others are.
        """
        ...

    def get(self, key: str, *, first: int | None = None) -> bytes:
        """Read a whole artifact, or at most so many of its first bytes.

        Raises:
            ArtifactNotFoundError: there is none.
        """
        ...

    def fetch(self, key: str, into: Path) -> None:
        """Copy an artifact to the file `into`, which appears whole or not at all.

        Raises:
            ArtifactNotFoundError: there is none.
        """
        ...

    def size(self, key: str) -> int | None:
        """Bytes of an artifact; None where there is none."""
        ...

    def describe(self, key: str) -> Artifact | None:
        """Tell of an artifact; None where there is none."""
        ...

    def read(self, key: str, artifact: Artifact, begin: int, end: int) -> Iterator[bytes]:
        """Yield an artifact's bytes from `begin` to before `end`, a megabyte at a time at most.

        Raises:
            ArtifactNotFoundError: there is none.
            StorageUnavailableError: besides, it was replaced since it was described.
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
    """The refusal to read on in what is another artifact now."""
    return StorageUnavailableError(f"Artifact {key!r} was replaced while it was read. Try again.")


def several_at_once(work: Callable[[_T], object], items: Iterable[_T]) -> None:
    """Call `work` for each item in threads; only a few items are held at once. Raises what it raises."""
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
    """Return `key` where it is safe as an S3 key, a relative path and a part of a URL.

    Segments that begin with a dot are refused: `.` and `..` lead elsewhere, the others are for files in the
    making.

    Raises:
        InvalidRequestError: it is not; the message says why.
    """
    problem = _key_problem(key)
    if problem:
        raise InvalidRequestError(f"{key[:200]!r} cannot be the key of an artifact: {problem}.")
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` where it is a safe key followed by one slash.

    Raises:
        InvalidRequestError: it is not.
    """
    if not prefix.endswith("/"):
        raise InvalidRequestError(
            f"{prefix[:200]!r} cannot be a prefix of artifacts: it has to end in a slash."
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
