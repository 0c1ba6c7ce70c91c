"""Creating the crate of an ended run from the record and the facts of its tasks."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ogdc_shared.argo.state import TaskState
from ogdc_shared.auth.permissions import Role
from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.db.tasks import list_tasks
from ogdc_shared.errors import OutputUnavailableError, RunStateError
from ogdc_shared.layout import PROCESS, description_key, facts_key, snapshot_key
from ogdc_shared.phases import TERMINAL_PHASES, Phase
from ogdc_shared.provenance.crate import write_crate
from ogdc_shared.provenance.description import RunDescription
from ogdc_shared.provenance.task_facts import TaskRecord
from ogdc_shared.recipe.bundle import unpack
from ogdc_shared.runs.read import reconciled_run, require_tasks
from ogdc_shared.runs.taken import taken_facts
from ogdc_shared.storage.store import ArtifactNotFoundError

if TYPE_CHECKING:
    from ogdc_shared.auth.caller import Caller

_PAGE, _AT_ONCE = 1000, 8


def export_crate(context: Context, name: str, directory: Path, *, caller: Caller) -> None:
    """Write the crate of a run to an empty directory.

    It contains the recipe's files only if the caller may change the run; otherwise only the commands that it
    ran.

    Raises:
        UnknownRunError: there is no run with that name.
        RunStateError: it has not ended.
        OutputUnavailableError: its artifacts were removed, or its version did not keep them.
        StorageUnavailableError: the artifact store does not respond.
    """
    run = reconciled_run(context, name)
    if run.status not in TERMINAL_PHASES:
        raise RunStateError(
            f"Run {name} has not ended ({run.status}). Its provenance is available after its end."
        )
    require_tasks(run)
    described = description_of(context, run)
    with TemporaryDirectory(prefix="ogdc-provenance-") as scratch:
        recipe = unpack_recipe(context, run, Path(scratch, "recipe")) if may_read(run, caller) else None
        tasks = _tasks(context, run, Path(scratch))
        write_crate(str(directory), described, tasks, recipe=None if recipe is None else str(recipe))


def may_read(run: Run, caller: Caller) -> bool:
    """Whether a caller may read the files of a run's recipe."""
    return run.owner_id == caller.user_id or caller.role == Role.ADMIN


def description_of(context: Context, run: Run) -> RunDescription:
    """Read the description of a run, completed by its end.

    Raises:
        OutputUnavailableError: it was removed, or the run's version did not write one.
        StorageUnavailableError: the artifact store does not respond.
    """
    try:
        stored = context.store.get(description_key(run.name))
    except ArtifactNotFoundError as exc:
        raise OutputUnavailableError(
            f"The provenance of run {run.name} is not available: its artifacts were removed, or it "
            "was submitted to a version that kept no provenance.",
            expired=True,
        ) from exc
    return RunDescription.from_json(stored)._replace(
        status=run.status,
        message=run.message,
        started_at=run.started_at.isoformat() if run.started_at else None,
        finished_at=run.finished_at.isoformat() if run.finished_at else None,
    )


def unpack_recipe(context: Context, run: Run, into: Path) -> Path | None:
    """Unpack the recipe as it was submitted; None if it was removed."""
    with suppress(ArtifactNotFoundError):
        unpack(context.store.get(snapshot_key(run.snapshot)), into)
        return into
    return None


def _tasks(context: Context, run: Run, scratch: Path) -> Iterator[TaskRecord]:
    """Yield the ended tasks; the facts of each are on disk only until the next one is requested."""
    tasks = _ended(context, run)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        while some := list(islice(tasks, _AT_ONCE)):
            records = list(
                threads.map(
                    lambda each: _record(context, run.name, each[1], scratch / f"{each[0]}"), enumerate(some)
                )
            )
            for record in records:
                yield record
                if record.facts:
                    Path(record.facts).unlink()
    for number, facts in taken_facts(context, run):
        path = scratch / "taken"
        path.write_bytes(facts)
        yield TaskRecord(PROCESS, number, facts=str(path))


def _ended(context: Context, run: Run) -> Iterator[TaskState]:
    offset = 0
    while True:
        with context.database.autocommit() as conn:
            page = list_tasks(conn, run.id, limit=_PAGE, offset=offset)
        yield from (task for task in page if task.partition is not None and task.finished_at is not None)
        if len(page) < _PAGE:
            return
        offset += _PAGE


def _record(context: Context, run: str, task: TaskState, path: Path) -> TaskRecord:
    assert task.partition is not None
    record = TaskRecord(task.stage, task.partition, task.phase == Phase.SUCCEEDED, task.message)
    with suppress(ArtifactNotFoundError):
        context.store.fetch(facts_key(run, task.partition, task.stage), path)
        return record._replace(facts=str(path))
    return record
