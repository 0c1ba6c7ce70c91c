"""The steps that move a partition's inputs to where the first command expects them."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from ogdc_shared.layout import CACHE_LIMIT
from ogdc_worker.process.checkpoint import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ogdc_shared.plan import InputFile
    from ogdc_worker.fetch.input_cache import InputCache
    from ogdc_worker.fetch.missing_inputs import MissingInputs
    from ogdc_worker.process.paths import ProcessPaths
    from ogdc_worker.report import Reporter

INPUT_STEPS = frozenset({"fetch", "place"})
"""Names of all input steps."""


def input_steps(
    files: Sequence[InputFile],
    *,
    per_file: bool,
    paths: ProcessPaths,
    reporter: Reporter,
    caching: bool = True,
    allowed_failures: str | None = None,
) -> Iterator[Step]:
    """Yield the steps: `fetch` if any input is on a server, and `place` if there are inputs at all.

    Args:
        files: The inputs; those on volumes are not mixed with others.
        per_file: Whether commands are given the paths of files on volumes, so that no links are needed.
        paths: The task's paths.
        reporter: Reports each input.
        caching: Whether to use the cache of inputs.
        allowed_failures: How many items may be missing, as a number or percentage; None allows none.
    """
    kinds = {file.kind for file in files}
    if kinds == {"volume"}:
        yield Step("place", partial(_link, files, per_file=per_file, paths=paths), is_quick=True)
    elif kinds == {"recipe"}:
        yield Step("place", partial(_copy, files, paths=paths, reporter=reporter))
    elif files:
        fetch = partial(_fetch, files, paths=paths, reporter=reporter, caching=caching)
        yield Step("fetch", partial(fetch, allowed_failures=allowed_failures))
        yield Step("place", partial(_place, paths))


def _link(files: Sequence[InputFile], *, per_file: bool, paths: ProcessPaths) -> None:
    from ogdc_worker.process.volumes import check_files, link_files

    check_files(files)
    if not per_file:
        link_files(files, paths.inputs)


def _copy(files: Sequence[InputFile], *, paths: ProcessPaths, reporter: Reporter) -> None:
    from ogdc_worker.fetch.recipe_files import copy_files

    for copied in copy_files(files, recipe=paths.recipe, directory=paths.inputs):
        _report(copied, reporter)


def _fetch(
    files: Sequence[InputFile],
    *,
    paths: ProcessPaths,
    reporter: Reporter,
    caching: bool,
    allowed_failures: str | None,
) -> None:
    from ogdc_worker.fetch.fetch_progress import FetchProgress
    from ogdc_worker.fetch.inputs import fetch_inputs

    missing = _may_be_missing(files, allowed_failures, reporter) if allowed_failures else None
    validators: dict[str, tuple[str, str]] = {}
    with FetchProgress(len(files), partial(reporter.event, "fetching")) as progress:
        fetch_inputs(
            files,
            store=_store(paths),
            recipe=paths.recipe,
            report=lambda fetched: _report(fetched._asdict(), reporter),
            warn=lambda notice: reporter.event(
                "fetch_delayed", **notice._asdict() | {"seconds": round(notice.seconds, 1)}
            ),
            progress=progress,
            credentials=paths.credentials,
            cache=_cache(paths) if caching else None,
            missing=missing,
            validators=validators,
        )
    for source, (etag, modified) in validators.items():
        reporter.note("validators", source=source, etag=etag, modified=modified)
    if missing:
        missing.leave_account(paths.workspace)


def _report(fetched: dict[str, Any], reporter: Reporter) -> None:
    doubt = fetched.pop("doubt")
    reporter.event("fetched", **fetched)
    if doubt:
        reporter.warn(doubt.kind, doubt.message, path=fetched["name"])


def _may_be_missing(files: Sequence[InputFile], allowed: str, reporter: Reporter) -> MissingInputs:
    from ogdc_worker.fetch.missing_inputs import MissingInputs

    def report(source: str, reason: str) -> None:
        reporter.event("fetch_failed", source=source, reason=reason)

    return MissingInputs(files, allowed, report=report)


def distrust_store(paths: ProcessPaths) -> None:
    """Remove fetched files if a command of an earlier try may have manipulated them."""
    if os.path.lexists(_store(paths)):
        from ogdc_worker.fetch.inputs import distrust

        distrust(_store(paths))


def _cache(paths: ProcessPaths) -> InputCache | None:
    """Return the cache of inputs, or None if there is none here."""
    limit = int(os.environ.get(CACHE_LIMIT, "0"))
    if not limit or not os.path.isdir(paths.cache):
        return None
    from ogdc_worker.fetch.input_cache import InputCache

    return InputCache(paths.cache, limit=limit)


def _place(paths: ProcessPaths) -> None:
    from ogdc_worker.fetch.inputs import place_inputs

    place_inputs(_store(paths), paths.inputs)


def _store(paths: ProcessPaths) -> str:
    return f"{paths.workspace}/fetch"
