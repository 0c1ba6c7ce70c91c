"""The common interface of recipe sources, with limits and the traversal of directories."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from ogdc_shared.errors import InvalidRequestError, SourceUnavailableError

CHUNK_BYTES = 256 * 1024
MAX_BYTES = 64 * 1024 * 1024
MAX_FILES = 1000
MAX_DIRECTORIES = 100
MAX_SECONDS = 120.0
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0


class Entry(NamedTuple):
    """What a directory holds under one name."""

    name: str
    locator: str
    """What the source finds it by."""
    is_directory: bool = False


class RemoteFile(NamedTuple):
    """A file somewhere below a source's root."""

    path: str
    """Relative to the root, with `/` between its parts."""
    locator: str


class Budget:
    """How much may still be read from one location, and until when."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._bytes = MAX_BYTES
        self._files = MAX_FILES
        self._directories = MAX_DIRECTORIES
        self._deadline = time.monotonic() + MAX_SECONDS

    def spend(self, *, size: int = 0, files: int = 0, directories: int = 0) -> None:
        """Subtract what was read from the budget.

        Raises:
            InvalidRequestError: the location has more than a recipe may have.
            SourceUnavailableError: the time limit is exceeded.
        """
        self._bytes -= size
        self._files -= files
        self._directories -= directories
        if min(self._bytes, self._files, self._directories) < 0:
            raise InvalidRequestError(
                f"{self.location}: is too large for a recipe: more than {MAX_BYTES // 1024**2} MiB, "
                f"{MAX_FILES} files or {MAX_DIRECTORIES} directories. Give the directory that contains "
                "meta.yml itself, and let the recipe fetch its data as inputs."
            )
        if time.monotonic() > self._deadline:
            raise SourceUnavailableError(
                f"{self.location}: reading took longer than {MAX_SECONDS:.0f} seconds. Try again later."
            )


class Source(Protocol):
    """One location that a recipe is read from: a directory, or an archive of one.

    Every method raises RecipeNotFoundError where nothing can be read, and SourceUnavailableError where the
    same call may succeed later.
    """

    root: str
    """The locator of the location itself."""

    def files(self, budget: Budget) -> Iterable[RemoteFile]:
        """All files below the root, which is a directory."""
        ...

    def read(self, locator: str) -> Iterator[bytes]:
        """A file's content, in pieces."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def walk(children: Callable[[str], Iterable[Entry]], root: str, budget: Budget) -> Iterator[RemoteFile]:
    """All files below `root`, asking `children` for one directory after the other."""
    pending = [("", root)]
    while pending:
        path, locator = pending.pop()
        budget.spend(directories=1)
        for entry in children(locator):
            if entry.is_directory:
                pending.append((f"{path}{entry.name}/", entry.locator))
            else:
                budget.spend(files=1)
                yield RemoteFile(f"{path}{entry.name}", entry.locator)
