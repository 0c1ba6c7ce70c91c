"""Downloading one input to a file, with retries, resumption and checks of size and checksum."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import InputNotFoundError, SourceUnavailableError, UnusableInputError
from ogdc_shared.servers.response import PIECE_BYTES, InterruptedFetchError, Response, UnknownServerError
from ogdc_worker.fetch.content import file_pieces, is_decoded
from ogdc_worker.fetch.recipe_files import read_recipe_file

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from ogdc_shared.plan import Checksum, InputFile
    from ogdc_worker.fetch.partial_file import PartialFile

    class Source(Protocol):
        """Where files are fetched from."""

        def open(self, source: str, *, offset: int, validator: str | None) -> Response:
            """Start reading a file; see `web.Web.open`."""

        def changed(self, source: str, *, etag: str, modified: str, size: int | None = None) -> bool:
            """Whether a file differs from an earlier state; see `web.Web.changed`."""

        def check(self, source: str) -> None:
            """Raise an error if there is no such file; see `web.Web.check`."""


ATTEMPTS = 6
"""Number of consecutive failed attempts, without any new byte, before giving up."""
NAME_ATTEMPTS = 3
"""The same if DNS answers that there is no such server, which may be wrong while a network starts."""
FIRST_PAUSE = 0.5
"""Seconds before the first retry; doubled for each further one."""
MAX_PAUSE = 60.0
MAX_ASKED_PAUSE = 600.0
"""Upper limit for the pause that a server requests with Retry-After."""
SLOW_SECONDS, SLOW_BYTES = 120.0, 12_000
"""A connection that transfers fewer bytes within this time is treated as broken."""


class RetryNotice(NamedTuple):
    """A failed attempt that will be retried."""

    source: str
    reason: str
    attempt: int
    """Number of consecutive failed attempts without any new byte."""
    of: int
    """Number of attempts before giving up."""
    seconds: float
    """Pause before the next attempt."""


class Downloaded(NamedTuple):
    """A completely downloaded file."""

    response: Response
    """The response that delivered the last part of it."""
    checksum: str
    """SHA-256 as `sha256:9f86…`, even if the recipe gives a checksum of another algorithm."""


class RecipeFiles:
    """Source of files that belong to the recipe itself."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def open(self, source: str, *, offset: int = 0, validator: str | None = None) -> Response:
        """Read a file by its path relative to the recipe, from its beginning; `offset` is ignored.

        Raises:
            InputNotFoundError: the recipe has no such file.
        """
        return Response(pieces=read_recipe_file(self._directory, source))

    def changed(self, source: str, *, etag: str, modified: str, size: int | None = None) -> bool:
        """Always true, because files of the recipe are not cached."""
        return True

    def check(self, source: str) -> None:
        """Check that the file exists.

        Raises:
            InputNotFoundError: it does not.
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
    """Download `file` to `part`.

    Args:
        file: The input.
        source: Where to fetch it from.
        part: The target, which may already contain the beginning.
        name: Returns the name that the file of a response will get.
        wait: Waits before the next attempt, and may report it.
        progress: Called with the number of bytes so far and the total, or None if the total is unknown.

    Raises:
        InputNotFoundError: there is no such file or server, or the server sent a web page instead.
        SourceUnavailableError: too many attempts failed.
        UnusableInputError: the size or checksum differs from what the recipe gives.
    """
    most = part.size
    failures = 0
    while True:
        try:
            return _try(file, source=source, part=part, name=name, progress=progress)
        except InterruptedFetchError as exc:
            failures = 1 if part.size > most and not exc.slow else failures + 1
            most = max(most, part.size)
            of = NAME_ATTEMPTS if isinstance(exc, UnknownServerError) else ATTEMPTS
            if failures >= of:
                raise _given_up(file.source, exc) from exc
            seconds = _pause(exc, failures)
            wait(RetryNotice(file.source, reason=str(exc), attempt=failures, of=of, seconds=seconds))


def _given_up(source: str, exc: InterruptedFetchError) -> InputNotFoundError | SourceUnavailableError:
    if isinstance(exc, UnknownServerError):
        return InputNotFoundError(
            f"{source!r} cannot be fetched: {exc}. Check the address, and whether this network knows it."
        )
    return SourceUnavailableError(f"{source!r} could not be fetched, {ATTEMPTS} times in a row: {exc}.")


def _pause(exc: InterruptedFetchError, failures: int) -> float:
    """Return the seconds before the next attempt: those the server requests, else exponential backoff."""
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
        _refuse_another_size(response, part)
        _take(file, response, part=part, digest=digest, name=name(response), progress=progress)
    finally:
        response.close()
    problem = _problem(file, size=part.size, digest=digest)
    if problem:
        part.discard()
        if response.offset:
            raise InterruptedFetchError(f"the two parts of the file do not fit together: {problem}")
        raise UnusableInputError(
            f"{file.source!r} is not the file that was described: {problem}. It was fetched completely, so "
            "it was changed or damaged at its source. Submit the recipe again if it was updated; "
            "otherwise report it to the repository that serves it."
        )
    return Downloaded(response, f"sha256:{digest.sha256()}")


def _refuse_another_size(response: Response, part: PartialFile) -> None:
    """Discard the beginning of a file that has another size now, whatever its validator says."""
    expected = part.expected_size()
    if response.offset and None not in {expected, response.size} and expected != response.size:
        part.discard()
        raise InterruptedFetchError(f"it has {response.size} bytes now, and had {expected} when it was begun")


def _take(
    file: InputFile,
    response: Response,
    *,
    part: PartialFile,
    digest: _Digest,
    name: str,
    progress: Callable[[int, int | None], None],
) -> None:
    """Write the response to `part` as it arrives."""
    decoded = is_decoded(response, name=name)
    validator = None if decoded else response.validator
    with part.write(offset=response.offset, validator=validator, size=response.size) as sink:
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
        return f"it has {size} bytes instead of {file.size}"
    if file.checksum and digest.value() != file.checksum.value.lower():
        return f"its {file.checksum.algorithm} is {digest.value()} instead of {file.checksum.value}"
    return None


class _Pace:
    """Detects stalled transfers by measuring the bytes of each `SLOW_SECONDS`."""

    def __init__(self) -> None:
        self._since, self._bytes = time.monotonic(), 0

    def take(self, size: int) -> None:
        """Count received bytes.

        Raises:
            InterruptedFetchError: fewer than `SLOW_BYTES` arrived within `SLOW_SECONDS`.
        """
        self._bytes += size
        seconds = time.monotonic() - self._since
        if seconds < SLOW_SECONDS:
            return
        if self._bytes < SLOW_BYTES:
            raise InterruptedFetchError(f"it sent {self._bytes} bytes in {seconds:.0f} seconds", slow=True)
        self._since, self._bytes = time.monotonic(), 0


class _Digest:
    """Computes SHA-256 and, if it differs, the digest of the checksum to verify."""

    def __init__(self, checksum: Checksum | None) -> None:
        self._sha256 = _new_hash("sha256")
        wanted = _new_hash(checksum.algorithm) if checksum else self._sha256
        self._wanted = self._sha256 if wanted.name == self._sha256.name else wanted
        self._all = (self._sha256,) if self._wanted is self._sha256 else (self._sha256, self._wanted)

    def update(self, piece: bytes) -> None:
        """Add a piece of the file."""
        for state in self._all:
            state.update(piece)

    def value(self) -> str:
        """Return the digest to verify, in hex."""
        return self._wanted.hexdigest()

    def sha256(self) -> str:
        """Return the SHA-256, in hex."""
        return self._sha256.hexdigest()

    def read(self, path: str) -> None:
        """Add the content of a file that an earlier attempt has left."""
        for piece in _read(path):
            self.update(piece)


def _new_hash(algorithm: str) -> hashlib._Hash:
    import hashlib

    try:
        return hashlib.new(algorithm.lower().replace("-", ""), usedforsecurity=False)
    except ValueError as exc:
        raise UnusableInputError(
            f"A checksum of type {algorithm!r} cannot be verified; give md5, sha1, sha256 or sha512."
        ) from exc


def _read(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
