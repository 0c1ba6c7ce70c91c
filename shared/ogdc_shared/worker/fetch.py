"""Fetch a partition's inputs, a few at a time, and put them where the first command looks for them.

Each input is fetched beside `/input_dir` first: input number 7 grows in `<store>/7.part` and, once it is
whole and checked, becomes `<store>/7/<its name>`. So a killed fetch goes on with what it has, and a name
given by a server meets no other file before all names are known.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import UnsupportedError
from ogdc_shared.worker.download import RecipeFiles, download
from ogdc_shared.worker.names import take_name
from ogdc_shared.worker.part import Part
from ogdc_shared.worker.threads import in_threads
from ogdc_shared.worker.trees import flush, flush_entries, is_directory, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ogdc_shared.plan import InputFile
    from ogdc_shared.worker.download import Source, Trouble

THREADS = 4


class Fetched(NamedTuple):
    """An input that is there."""

    source: str
    name: str
    size: int
    """Bytes."""
    seconds: float


def fetch_inputs(
    files: Sequence[InputFile],
    *,
    store: str,
    recipe: str,
    report: Callable[[Fetched], None],
    warn: Callable[[Trouble], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch all inputs into `store`; those that an earlier try has finished are left alone.

    Args:
        files: The inputs.
        store: Directory on the workflow volume, made if need be.
        recipe: The recipe's directory.
        report: Told of each input as it is there.
        warn: Told of each input that has to be tried again; called by several threads.
        pause: Waits so many seconds before a server is tried again.

    Raises:
        InputNotFoundError: there is no such file.
        SourceUnavailableError: a server failed too often.
        UnusableInputError: an input has a wrong size or checksum, or the name of another.
    """
    os.makedirs(store, exist_ok=True)
    sources = _sources(files, recipe)

    def wait(trouble: Trouble) -> None:
        warn(trouble)
        pause(trouble.seconds)

    def fetch(number: int) -> Fetched:
        file = files[number]
        return _fetch(file, place=f"{store}/{number}", source=sources[file.kind], wait=wait)

    owners: dict[str, str] = {}
    for fetched in in_threads(fetch, len(files), at_once=THREADS):
        take_name(owners, fetched.name, fetched.source)
        report(fetched)
    flush(store)


def place_inputs(store: str, input_dir: str) -> None:
    """Move what `fetch_inputs` has left in `store` into `input_dir`, on the same mount."""
    if is_directory(store):
        for number in filter(str.isdecimal, os.listdir(store)):
            for name in os.listdir(f"{store}/{number}"):
                os.rename(f"{store}/{number}/{name}", f"{input_dir}/{name}")
    flush_entries(input_dir)
    remove(store)


def _sources(files: Sequence[InputFile], recipe: str) -> dict[str, Source]:
    kinds = {file.kind for file in files}
    sources: dict[str, Source] = {"recipe": RecipeFiles(recipe)}
    if "url" in kinds:
        from ogdc_shared.worker.web import Web

        sources["url"] = Web(threads=THREADS)
    for unknown in kinds - sources.keys():
        raise UnsupportedError(f"This worker cannot fetch inputs of kind {unknown!r}; use a newer image.")
    return sources


def _fetch(file: InputFile, *, place: str, source: Source, wait: Callable[[Trouble], None]) -> Fetched:
    started = time.monotonic()
    os.makedirs(place, exist_ok=True)
    finished = os.listdir(place)
    if not finished:
        part = Part(f"{place}.part")
        finished = [download(file, source=source, part=part, wait=wait)]
        part.become(f"{place}/{finished[0]}")
    return Fetched(
        source=file.source,
        name=finished[0],
        size=os.path.getsize(f"{place}/{finished[0]}"),
        seconds=round(time.monotonic() - started, 3),
    )
