"""Reading single files of a run's result, from its zip or from the published directory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from hashlib import sha256

from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.errors import OutputUnavailableError, StorageUnavailableError
from ogdc_shared.layout import output_key, receipt
from ogdc_shared.outputs.output_file import FilePage, OutputFile
from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.outputs.published_files import list_files, names_below, open_directory, open_file
from ogdc_shared.outputs.thumbnails import DIRECTORY
from ogdc_shared.outputs.zip_files import Member, find_member, list_below, list_members, read_member
from ogdc_shared.runs.output import check_succeeded, no_longer_kept, zip_of
from ogdc_shared.runs.read import reconciled_run
from ogdc_shared.storage.store import Artifact, ArtifactStore

MAX_INFLATED_FOR_A_PART = 64 << 20
"""In bytes. No ranges are served of larger deflated members, because everything before must be inflated."""


def list_outputs(context: Context, name: str, *, after: str | None, limit: int) -> FilePage:
    """Return a page of the files of a run's result.

    Raises:
        UnknownRunError: there is no run with that name.
        OutputUnavailableError: it has not succeeded, or its result was removed or cannot be read here.
        InvalidRequestError: `after` is not a valid cursor.
        StorageUnavailableError: the artifact store or the volume does not respond.
    """
    run = reconciled_run(context, name)
    if policy_of(run.output_type).is_zip:
        artifact = zip_of(context, run)
        source = partial(context.store.read, output_key(run.name, run.recipe_id), artifact)
        page = list_members(source, artifact.size, after=after, limit=limit)
        return page._replace(thumbnails=frozenset(list_below(source, artifact.size, DIRECTORY)))
    with _published(context, run) as directory:
        page = list_files(directory, after=after, limit=limit)
        return page._replace(thumbnails=frozenset(names_below(directory, DIRECTORY)))


def open_output(context: Context, name: str, path: str) -> OutputFile:
    """Open one file of a run's result; the caller closes it.

    Raises:
        UnknownRunError: there is no run with that name.
        OutputUnavailableError: as for `list_outputs`, or there is no such file.
        StorageUnavailableError: the artifact store or the volume does not respond.
    """
    run = reconciled_run(context, name)
    found = (
        _in_zip(context, run, path) if policy_of(run.output_type).is_zip else _on_volume(context, run, path)
    )
    if found is None:
        raise OutputUnavailableError(
            f"There is no file {path[:500]!r} in the result of run {name}. To list its files: "
            f"`ogdc-runner outputs {name}`, or GET /runs/{name}/outputs.",
            elsewhere=True,
        )
    return found


def _in_zip(context: Context, run: Run, path: str) -> OutputFile | None:
    key, artifact = output_key(run.name, run.recipe_id), zip_of(context, run)
    member = _member(context.store, key, artifact, path)
    if member is None:
        return None
    source = partial(context.store.read, key, artifact)
    return OutputFile(
        path,
        member.size,
        sha256(f"{artifact.etag} {member}".encode()).hexdigest()[:32],
        partial(read_member, source, member),
        is_seekable=not member.is_deflated or member.size <= MAX_INFLATED_FOR_A_PART,
    )


@lru_cache(maxsize=256)
def _member(store: ArtifactStore, key: str, artifact: Artifact, path: str) -> Member | None:
    """Find a file in a zip; cached, because a map requests many ranges of one file."""
    return find_member(partial(store.read, key, artifact), artifact.size, path)


def _on_volume(context: Context, run: Run, path: str) -> OutputFile | None:
    with _published(context, run) as directory:
        return open_file(directory, path)


@contextmanager
def _published(context: Context, run: Run) -> Iterator[int]:
    """Open the directory that a run has published.

    The receipt is read after opening it, so that a directory published later is not mistaken for it.
    """
    volume = context.settings.storage.published
    if volume is None:
        raise OutputUnavailableError(
            f"Run {run.name} publishes to {run.recipe_id}/ on the workflow volume, which this deployment "
            "does not serve (OGDC_PUBLISHED_DIR).",
            elsewhere=True,
        )
    check_succeeded(run)
    try:
        directory = open_directory(f"{volume}/{run.recipe_id}")
        if directory is None:
            raise no_longer_kept(
                f"The data that run {run.name} published to {run.recipe_id}/ no longer exist."
            )
        try:
            _check_publisher(run, f"{volume}/{receipt(run.recipe_id)}")
            yield directory
        finally:
            os.close(directory)
    except OSError as exc:
        raise StorageUnavailableError(
            f"The result of run {run.name} on the workflow volume cannot be read: {exc.strerror or exc}."
        ) from exc


def _check_publisher(run: Run, path: str) -> None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  as the worker writes it
            publisher = json.load(file).get("run")
    except (FileNotFoundError, ValueError, AttributeError):
        publisher = None
    if publisher != run.name:
        replaced = f"The data that run {run.name} published to {run.recipe_id}/ were replaced by"
        if not isinstance(publisher, str):
            raise no_longer_kept(f"{replaced} another run.")
        raise OutputUnavailableError(
            f"{replaced} run {publisher}. To list the current data: `ogdc-runner outputs {publisher}`. To "
            f"publish those of {run.name} again, submit its recipe with --overwrite.",
            expired=True,
        )
