"""Bring one input into a file: tried again where the server fails, resumed, and checked as it arrives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import SourceUnavailableError, UnusableInputError
from ogdc_shared.servers.response import PIECE_BYTES, InterruptedFetchError, Response
from ogdc_worker.fetch.content import file_pieces, is_decoded
from ogdc_worker.fetch.recipe_files import read_recipe_file

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from ogdc_shared.plan import Checksum, InputFile
    from ogdc_worker.fetch.partial_file import PartialFile

    class Source(Protocol):
        """Where files come from."""

        def open(self, source: str, *, offset: int, validator: str | None) -> Response:
            """Begin to read a file; see `web.Web.open`."""

        def changed(self, source: str, *, etag: str, modified: str, size: int | None = None) -> bool:
            """Ask whether a file is another now; see `web.Web.changed`."""

        def check(self, source: str) -> None:
            """Make sure that there is such a file; see `web.Web.check`."""


ATTEMPTS = 6
"""How often in a row a server may fail without one more byte of the file."""
FIRST_PAUSE = 0.5
"""Seconds after the first failure; doubled after each further one."""
MAX_PAUSE = 60.0
MAX_ASKED_PAUSE = 600.0
"""Of those that a server asks for (Retry-After)."""
SLOW_SECONDS, SLOW_BYTES = 120.0, 12_000
"""A server that sends less in that time is as good as away."""


class RetryNotice(NamedTuple):
    """A fetch that broke off and will be tried again."""

    source: str
    reason: str
    attempt: int
    """How many have broken off in a row without one more byte of the file."""
    of: int
    """How many may."""
    seconds: float
    """How long until the next."""


class Downloaded(NamedTuple):
    """A file that was fetched whole."""

    response: Response
    """What it came with."""
    checksum: str
    """Its algorithm and digest, `sha256:9f86…`, whichever checksum it had to have."""


class RecipeFiles:
    """The files that come with a recipe."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def open(self, source: str, *, offset: int = 0, validator: str | None = None) -> Response:
        """Read a file by its path relative to the recipe, always from its beginning.

        Raises:
            InputNotFoundError: the recipe has no such file.
        """
        return Response(pieces=read_recipe_file(self._directory, source))

    def changed(self, source: str, *, etag: str, modified: str, size: int | None = None) -> bool:
        """Say that nothing is known of an earlier state: such files are not cached."""
        return True

    def check(self, source: str) -> None:
        """Make sure that there is such a file.

        Raises:
            InputNotFoundError: the recipe has none.
        """
        read_recipe_file(self._directory, source)


def download(
    file: InputFile,
    *,
    source: Source,
    part: PartialFile,
    name: Callable[[Response], str],
    wait: Callable[[RetryNotice], None],
    progress: Callable[[int, int | None], None] = lambda _have, _size: None,
) -> Downloaded:
    """Fetch `file` into `part`.

    Args:
        file: What to fetch.
        source: Where from.
        part: Where to; may hold the beginning already.
        name: What an answer's file will be called.
        wait: Waits for the next try, and may say so.
        progress: Called with how many bytes there are, and of how many where that is known.

    Raises:
        InputNotFoundError: there is no such file, or a web page in its place.
        SourceUnavailableError: the server failed too often.
        UnusableInputError: what came has not the size or the checksum it should have.
    """
    most = part.size
    failures = 0
    while True:
        try:
            return _try(file, source=source, part=part, name=name, progress=progress)
        except InterruptedFetchError as exc:
            failures = 1 if part.size > most and not exc.slow else failures + 1
            most = max(most, part.size)
            if failures == ATTEMPTS:
                raise SourceUnavailableError(
                    f"{file.source!r} could not be fetched, {ATTEMPTS} times in a row: {exc}."
                ) from exc
            seconds = _pause(exc, failures)
            wait(RetryNotice(file.source, reason=str(exc), attempt=failures, of=ATTEMPTS, seconds=seconds))


def _pause(exc: InterruptedFetchError, failures: int) -> float:
    """Seconds until the next try: what the server asks for, else longer each time."""
    if exc.pause is not None:
        return min(exc.pause, MAX_ASKED_PAUSE)
    return float(min(FIRST_PAUSE * 2.0 ** (failures - 1), MAX_PAUSE))


def _try(
    file: InputFile,
    *,
    source: Source,
    part: PartialFile,
    name: Callable[[Response], str],
    progress: Callable[[int, int | None], None],
) -> Downloaded:
    digest = _Digest(file.checksum)
    validator = part.validator()
    response = source.open(file.source, offset=part.size if validator else 0, validator=validator)
    try:
        _take(file, response, part=part, digest=digest, name=name(response), progress=progress)
    finally:
        response.close()
    problem = _problem(file, size=part.size, digest=digest)
    if problem:
        part.discard()
        if response.offset:
            raise InterruptedFetchError(f"the file came in two pieces that do not fit: it {problem}")
        raise UnusableInputError(
            f"{file.source!r} {problem}; it was fetched whole, so its description is wrong."
        )
    return Downloaded(response, f"sha256:{digest.sha256()}")


def _take(
    file: InputFile,
    response: Response,
    *,
    part: PartialFile,
    digest: _Digest,
    name: str,
    progress: Callable[[int, int | None], None],
) -> None:
    """Write what comes as it comes."""
    decoded = is_decoded(response, name=name)
    with part.write(offset=response.offset, validator=None if decoded else response.validator) as sink:
        if response.offset:
            digest.read(part.path)
        have, pace = response.offset, _Pace()
        for piece in file_pieces(file.source, response, name=name):
            sink.write(piece)
            digest.update(piece)
            have += len(piece)
            progress(have, None if decoded else response.size)
            pace.take(len(piece))


def _problem(file: InputFile, *, size: int, digest: _Digest) -> str | None:
    if file.size is not None and size != file.size:
        return f"has {size} bytes where {file.size} were expected"
    if file.checksum and digest.value() != file.checksum.value.lower():
        return f"has the {file.checksum.algorithm} {digest.value()} where {file.checksum.value} was expected"
    return None


class _Pace:
    """How fast a file comes, looked at every `SLOW_SECONDS`."""

    def __init__(self) -> None:
        self._since, self._bytes = time.monotonic(), 0

    def take(self, size: int) -> None:
        """Count bytes that came.

        Raises:
            InterruptedFetchError: there were hardly any for a while.
        """
        self._bytes += size
        seconds = time.monotonic() - self._since
        if seconds < SLOW_SECONDS:
            return
        if self._bytes < SLOW_BYTES:
            raise InterruptedFetchError(f"it sent {self._bytes} bytes in {seconds:.0f} seconds", slow=True)
        self._since, self._bytes = time.monotonic(), 0


class _Digest:
    """Checksums of what passes by: SHA-256, and by the algorithm that is asked for."""

    def __init__(self, checksum: Checksum | None) -> None:
        self._sha256 = _new_hash("sha256")
        wanted = _new_hash(checksum.algorithm) if checksum else self._sha256
        self._wanted = self._sha256 if wanted.name == self._sha256.name else wanted
        self._all = (self._sha256,) if self._wanted is self._sha256 else (self._sha256, self._wanted)

    def update(self, piece: bytes) -> None:
        """Take in a piece."""
        for state in self._all:
            state.update(piece)

    def value(self) -> str:
        """The digest that was asked for, in hex."""
        return self._wanted.hexdigest()

    def sha256(self) -> str:
        """The one that every input gets, in hex."""
        return self._sha256.hexdigest()

    def read(self, path: str) -> None:
        """Take in what an earlier try has left in a file."""
        for piece in _read(path):
            self.update(piece)


def _new_hash(algorithm: str) -> hashlib._Hash:
    import hashlib

    try:
        return hashlib.new(algorithm.lower().replace("-", ""), usedforsecurity=False)
    except ValueError as exc:
        raise UnusableInputError(
            f"A checksum by {algorithm!r} cannot be verified; give one by md5, sha1, sha256 or sha512."
        ) from exc


def _read(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
