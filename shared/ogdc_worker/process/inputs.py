"""The steps that bring a partition's inputs to where the first command reads."""

from __future__ import annotations

import os
from functools import partial

from ogdc_shared.fast_typing import TYPE_CHECKING
from ogdc_shared.layout import CACHE_LIMIT
from ogdc_worker.process.checkpoint import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ogdc_shared.plan import InputFile
    from ogdc_worker.input_cache import InputCache
    from ogdc_worker.process.paths import Places
    from ogdc_worker.report import Reporter

INPUT_STEPS = frozenset({"fetch", "place"})
"""Names of the steps there can be."""


def input_steps(
    files: Sequence[InputFile], *, per_file: bool, places: Places, reporter: Reporter, caching: bool = True
) -> Iterator[Step]:
    """Yield the steps: `fetch` where anything is on a server, and `place` where there is anything.

    Args:
        files: The inputs; those on volumes do not mix with others.
        per_file: Whether commands are given the paths of files on volumes, so that no links are needed.
        places: Where everything is.
        reporter: Told of each input.
        caching: Whether what was fetched before may be used, and is kept for later.
    """
    kinds = {file.kind for file in files}
    if kinds == {"volume"}:
        yield Step("place", partial(_link, files, per_file=per_file, places=places))
    elif kinds == {"recipe"}:
        yield Step("place", partial(_copy, files, places=places, reporter=reporter))
    elif files:
        yield Step("fetch", partial(_fetch, files, places=places, reporter=reporter, caching=caching))
        yield Step("place", partial(_place, places))


def _link(files: Sequence[InputFile], *, per_file: bool, places: Places) -> None:
    from ogdc_worker.process.volumes import check_files, link_files

    check_files(files)
    if not per_file:
        link_files(files, places.inputs)


def _copy(files: Sequence[InputFile], *, places: Places, reporter: Reporter) -> None:
    from ogdc_worker.fetch.recipe_files import copy_files

    for copied in copy_files(files, recipe=places.recipe, directory=places.inputs):
        reporter.event("fetched", **copied)


def _fetch(files: Sequence[InputFile], *, places: Places, reporter: Reporter, caching: bool) -> None:
    from ogdc_worker.fetch.fetch_progress import FetchProgress
    from ogdc_worker.fetch.inputs import fetch_inputs

    with FetchProgress(len(files), partial(reporter.event, "fetching")) as progress:
        fetch_inputs(
            files,
            store=_store(places),
            recipe=places.recipe,
            report=lambda fetched: reporter.event("fetched", **fetched._asdict()),
            warn=lambda trouble: reporter.event("fetch_delayed", **trouble._asdict()),
            progress=progress,
            credentials=places.credentials,
            cache=_cache(places) if caching else None,
        )


def _cache(places: Places) -> InputCache | None:
    """What was fetched before; None: nothing is kept here."""
    limit = int(os.environ.get(CACHE_LIMIT, "0"))
    if not limit or not os.path.isdir(places.cache):
        return None
    from ogdc_worker.input_cache import InputCache

    return InputCache(places.cache, limit=limit)


def _place(places: Places) -> None:
    from ogdc_worker.fetch.inputs import place_inputs

    place_inputs(_store(places), places.inputs)


def _store(places: Places) -> str:
    return f"{places.workspace}/fetch"
