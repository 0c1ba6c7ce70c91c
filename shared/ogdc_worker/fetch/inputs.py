"""Fetch a partition's inputs, several at a time, and move them to where the first command expects them.

Each input is fetched to a directory beside `/input_dir` first. Input 7 is written to `<store>/7.part` and,
once it is complete and verified, becomes `<store>/7/<its name>`. So an interrupted fetch can be resumed, and
name clashes are detected once all names are known.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import (
    InputNotFoundError,
    PublishError,
    SourceUnavailableError,
    UnsupportedError,
    UnusableInputError,
)
from ogdc_shared.filenames import last_component, name_from_url, placed, take_name
from ogdc_shared.removal import remove
from ogdc_shared.servers.response import InterruptedFetchError, Response
from ogdc_shared.several import several
from ogdc_shared.trees import flush, move_children
from ogdc_shared.walking import is_directory, walk
from ogdc_worker.fetch.doubts import Doubt, doubt_of, refuse_pointer
from ogdc_worker.fetch.download import Downloaded, RecipeFiles, download
from ogdc_worker.fetch.partial_file import SYNCED_BYTES, PartialFile, boot_id
from ogdc_worker.fetch.threads import in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ogdc_shared.errors import OgdcError
    from ogdc_shared.plan import InputFile
    from ogdc_worker.fetch.download import RetryNotice, Source
    from ogdc_worker.fetch.fetch_progress import FetchProgress
    from ogdc_worker.fetch.input_cache import CacheEntry, InputCache
    from ogdc_worker.fetch.missing_inputs import MissingInputs

THREADS = 6
"""Concurrent connections to a server; browsers use the same number."""
_LOOKING_SECONDS, _LOOKED_AT = 5.0, 200
"""After an input was not found: for how long, and how many others, are checked for the error message."""
_BOOT = "boot"
"""File in a store with the boot id of the machine that wrote it."""


class Fetched(NamedTuple):
    """An input that was fetched."""

    source: str
    name: str
    size: int
    """Bytes."""
    seconds: float
    cached: bool = False
    """Whether it came from the cache."""
    url: str | None = None
    """Final URL after redirects, or None if it equals the source or is unknown."""
    checksum: str | None = None
    """Such as `sha256:9f86…`, or None if an earlier try fetched it."""
    doubt: Doubt | None = None
    """Why the file is probably not what its name says, or None."""


class _Unfetched(NamedTuple):
    """An input that could not be fetched."""

    number: int
    error: OgdcError


def fetch_inputs(
    files: Sequence[InputFile],
    *,
    store: str,
    recipe: str,
    report: Callable[[Fetched], None],
    warn: Callable[[RetryNotice], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
    progress: FetchProgress | None = None,
    credentials: str = "",
    cache: InputCache | None = None,
    missing: MissingInputs | None = None,
    validators: dict[str, tuple[str, str]] | None = None,
) -> None:
    """Fetch all inputs into `store`, except those that an earlier try has finished.

    Args:
        files: The inputs.
        store: A directory on the workflow volume; created if needed.
        recipe: The recipe's directory.
        report: Called with each fetched input.
        warn: Called before each retry, from several threads.
        pause: Waits so many seconds before a retry.
        progress: Receives the progress.
        credentials: Directory with the logins for servers (see `credentials`), or empty for none.
        cache: The cache of inputs, or None to fetch everything.
        missing: Collects inputs that cannot be fetched and may be left out; None makes each an error.
        validators: Receives ETag and Last-Modified of each input, by source.

    Raises:
        InputNotFoundError: there is no such file; the message names others that are missing too.
        SourceUnavailableError: a server failed too often.
        UnusableInputError: an input has a wrong size or checksum, or the same name as another.
    """
    _open_store(store)
    fetching = _Fetching(
        files,
        store=store,
        sources=_sources(files, recipe, credentials),
        cache=cache,
        warn=warn,
        pause=pause,
        progress=progress,
        validators=validators,
    )
    owners: dict[str, str] = {}
    try:
        for outcome in in_threads(fetching.try_to_fetch, len(files), at_once=THREADS):
            if isinstance(outcome, _Unfetched):
                _do_without(outcome, missing)
                continue
            take_name(owners, outcome.name, outcome.source)
            report(outcome)
    except InputNotFoundError as exc:
        if len(files) == 1:
            raise
        raise fetching.with_others(exc, fetched=len(owners)) from exc
    for number in missing.positions() if missing else ():
        remove(f"{store}/{number}")
    flush(store)


def _do_without(unfetched: _Unfetched, missing: MissingInputs | None) -> None:
    if missing is None:
        raise unfetched.error
    missing.add(*unfetched)


def _open_store(store: str) -> None:
    """Create the store. After a reboot, remove small files, since they may not have reached the disk."""
    os.makedirs(store, exist_ok=True)
    boot = boot_id()
    with suppress(FileNotFoundError), open(f"{store}/{_BOOT}", encoding="ascii") as note:
        if boot and note.read() == boot:
            return
    for number in filter(str.isdecimal, os.listdir(store)):
        name = _only_file(f"{store}/{number}")
        if name and os.path.getsize(f"{store}/{number}/{name}") < SYNCED_BYTES:
            remove(f"{store}/{number}")
    with open(f"{store}/{_BOOT}", "w", encoding="ascii") as note:
        note.write(boot)


def distrust(store: str) -> None:
    """Remove a store that contains what no fetch leaves: links, pipes, unreadable directories.

    A command may have manipulated it before its task was restarted. This container has access to credentials
    and the cache, so it must not follow such entries.
    """
    if os.path.lexists(store) and not _is_as_left(store):
        remove(store)


def _is_as_left(store: str) -> bool:
    if not _is_open(store):
        return False
    try:
        return all(entry.is_file(follow_symlinks=False) or _is_open(entry.path) for _, entry in walk(store))
    except PublishError:  # nested too deeply
        return False


def _is_open(directory: str) -> bool:
    return is_directory(directory) and os.access(directory, os.R_OK | os.W_OK | os.X_OK)


def place_inputs(store: str, input_dir: str) -> None:
    """Move the files that `fetch_inputs` has left in `store` to `input_dir`, on the same mount."""
    if is_directory(store):
        numbers = sorted(filter(str.isdecimal, os.listdir(store)), key=int)
        move_children(input_dir, *(f"{store}/{number}" for number in numbers))
    remove(store)


class _Fetching:
    """What the inputs of a partition share while they are fetched."""

    def __init__(
        self,
        files: Sequence[InputFile],
        *,
        store: str,
        sources: Mapping[str, Source],
        cache: InputCache | None,
        warn: Callable[[RetryNotice], None],
        pause: Callable[[float], None],
        progress: FetchProgress | None,
        validators: dict[str, tuple[str, str]] | None,
    ) -> None:
        self._files = files
        self._store = store
        self._sources = sources
        self._cache = cache
        self._warn = warn
        self._pause = pause
        self._progress = progress
        self._validators = validators
        self._names = Counter(_default_name(file) for file in files)

    def try_to_fetch(self, number: int) -> Fetched | _Unfetched:
        try:
            return self._fetch(number)
        except (InputNotFoundError, UnusableInputError, SourceUnavailableError) as exc:
            return _Unfetched(number, exc)

    def _fetch(self, number: int) -> Fetched:
        started = time.monotonic()
        file, place = self._files[number], f"{self._store}/{number}"
        os.makedirs(place, exist_ok=True)
        name, cached, url, checksum = _only_file(place), False, None, None
        response = Response(pieces=())
        if name is None:
            part = PartialFile(f"{place}.part")
            found = self._cached(file, part)
            cached = found is not None
            if found is None:
                note = self._progress.of(number, file) if self._progress else lambda _have, _size: None
                found = self._downloaded(file, part, progress=note)
            response, checksum = found
            url = response.url if response.url != file.source else None
            name = self._name(file, response)
            try:
                refuse_pointer(part.path, file.source)
            except UnusableInputError:
                part.discard()
                raise
            os.makedirs(os.path.dirname(f"{place}/{name}"), exist_ok=True)
            part.become(f"{place}/{name}")
        if self._progress:
            self._progress.finished(number)
        seconds = round(time.monotonic() - started, 3)
        size = os.path.getsize(f"{place}/{name}")
        if self._validators is not None and (response.etag or response.modified):
            self._validators[file.source] = response.etag, response.modified
        doubt = doubt_of(f"{place}/{name}", name=name, source=file.source)
        return Fetched(file.source, name, size, seconds, cached, url or None, checksum, doubt)

    def with_others(self, error: InputNotFoundError, *, fetched: int) -> InputNotFoundError:
        """Extend the error by other inputs that do not exist, as far as that is found out in seconds."""
        until = time.monotonic() + _LOOKING_SECONDS
        unfetched = [each for each in range(len(self._files)) if not _only_file(f"{self._store}/{each}")]
        numbers = [each for each in unfetched if self._files[each].source not in str(error)]
        looked_at = numbers[:_LOOKED_AT]
        others: list[str] = []
        for other in in_threads(lambda at: self._absent(looked_at[at]), len(looked_at), at_once=THREADS):
            others += [repr(other)] if other else []
            if time.monotonic() > until:
                break
        if not others:
            return InputNotFoundError(f"{error} (One of {len(self._files)} inputs; {fetched} were fetched.)")
        return InputNotFoundError(
            f"{error} The same is true of {several(others)} ({len(others) + 1} of {len(self._files)} inputs; "
            f"{fetched} were fetched)."
        )

    def _wait(self, notice: RetryNotice) -> None:
        self._warn(notice)
        self._pause(notice.seconds)

    def _absent(self, number: int) -> str | None:
        """Return the source of an input if its server says that it does not exist, else None."""
        file = self._files[number]
        if file.source.lower().startswith("ftp:"):
            return None
        try:
            self._sources[file.kind].check(file.source)
        except InputNotFoundError:
            return file.source
        except InterruptedFetchError:
            return None
        return None

    def _downloaded(
        self,
        file: InputFile,
        part: PartialFile,
        *,
        progress: Callable[[int, int | None], None],
    ) -> Downloaded:
        source = self._sources[file.kind]
        begun_here = not part.size
        downloaded = download(
            file,
            source=source,
            part=part,
            name=lambda response: self._name(file, response),
            wait=self._wait,
            progress=progress,
        )
        if self._cache and file.kind == "url" and begun_here:  # a command may have written the beginning
            response = downloaded.response
            self._cache.keep(
                file.source,
                part.path,
                etag=response.etag,
                modified=response.modified,
                name=response.name,
                checksum=downloaded.checksum,
            )
        return downloaded

    def _cached(self, file: InputFile, part: PartialFile) -> Downloaded | None:
        """Copy an input from the cache and return it with its original response; None if it is not there."""
        entry = self._cache.find(file.source) if self._cache and file.kind == "url" else None
        if entry is None or part.size:
            return None
        try:
            if not self._is_good(file, entry):
                return None
            known = entry.checksum.startswith("sha256:")  # older versions stored other checksums, or none
            checksum = entry.checksum if known else f"sha256:{entry.digest('sha256')}"
            entry.copy_to(part.path)
        finally:
            entry.close()
        response = Response(pieces=(), name=entry.name, etag=entry.etag, modified=entry.modified)
        return Downloaded(response, checksum)

    def _is_good(self, file: InputFile, entry: CacheEntry) -> bool:
        if file.size not in {None, entry.size}:
            return False
        if file.checksum:
            return entry.digest(file.checksum.algorithm) == file.checksum.value
        web = self._sources["url"]
        try:
            return not web.changed(file.source, etag=entry.etag, modified=entry.modified, size=entry.size)
        except InterruptedFetchError:
            return False  # fetching it waits for the server

    def _name(self, file: InputFile, response: Response) -> str:
        """Return an input's name; inputs that differ only in their URL's query include it in their names."""
        if file.kind == "recipe":
            return placed(file, last_component(file.source))
        alike = self._names[_default_name(file)] > 1
        return placed(file, response.name or name_from_url(file.source, with_query=alike))


def _default_name(file: InputFile) -> str:
    try:
        by_source = name_from_url(file.source) if file.kind == "url" else last_component(file.source)
        return placed(file, by_source)
    except ValueError:
        return ""  # not a URL; reported when it is fetched


def _only_file(directory: str) -> str | None:
    """Return the relative path of the one file below a directory, or None if there is none."""
    found = ""
    while is_directory(f"{directory}/{found}"):
        names = os.listdir(f"{directory}/{found}")
        if not names:
            return None
        found = f"{found}/{names[0]}" if found else names[0]
    return found


def _sources(files: Sequence[InputFile], recipe: str, credentials: str) -> dict[str, Source]:
    kinds = {file.kind for file in files}
    sources: dict[str, Source] = {"recipe": RecipeFiles(recipe)}
    if "url" in kinds:
        from ogdc_shared.servers.credentials import Credentials
        from ogdc_shared.servers.web import Web

        known = Credentials.read(credentials) if credentials else None
        sources["url"] = Web(threads=THREADS, credentials=known)
    for unknown in kinds - sources.keys():
        raise UnsupportedError(f"This worker cannot fetch inputs of kind {unknown!r}; use a newer image.")
    return sources
