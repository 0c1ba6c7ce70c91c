"""`ogdc-worker list`: find the files on volumes, or the output of a stage, and divide them into partitions.

For other inputs `submit` does this. Volumes are visible only to a task, so this task writes the packs of
partitions, the division, and the number of partitions for the tasks that follow. Argo stores them where
`submit` would have. The task may be stopped at any point and starts over; no other task starts before it
ends.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared import layout
from ogdc_shared.errors import InputNotFoundError
from ogdc_shared.inputs.listing import Listing, measure
from ogdc_shared.inputs.packs import Packs
from ogdc_shared.removal import empty
from ogdc_worker.expected import Expected, read_plan
from ogdc_worker.search import find_files, find_keys, find_outputs, find_shares
from ogdc_worker.warning_files import gather_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ogdc_shared.plan import Division, InputFile, Plan
    from ogdc_worker.report import Reporter


class ListPaths(NamedTuple):
    """Paths of the plan that `list` reads and of the files that it writes; see `layout`."""

    plan: str = layout.PLAN_PATH
    packs: str = layout.LISTED_PACKS_PATH
    division: str = layout.LISTED_DIVISION_PATH
    counts: Mapping[str, str] = layout.LISTED_COUNT_PATHS
    digest: str = layout.LISTED_DIGEST_PATH
    per_pack: str = layout.LISTED_PER_PACK_PATH
    warnings: str = layout.WARNINGS_PATH


def list_inputs(paths: ListPaths, reporter: Reporter, expected: Expected = Expected()) -> None:  # noqa: B008
    """List a run's inputs and divide them into partitions.

    The digest of the packs reaches the other tasks as an Argo parameter, not through the artifact store,
    which holds the packs themselves.

    Raises:
        IntegrityError: the plan is not the one that the workflow expects.
        InputNotFoundError: an input has no file.
        InvalidRecipeError: the files cannot be divided as the recipe asks.
        UnusableInputError: a file's name cannot be stored in a manifest.
        OSError: a volume cannot be read, or the manifests cannot be written.
    """
    started = time.monotonic()
    plan = read_plan(paths.plan, expected)
    with Listing() as listing:
        try:
            listing.extend(_found(plan, reporter))
        except InputNotFoundError:
            _recall(plan, reporter)
            raise
        partitions = tuple(listing.items_of(plan).divided(plan.partitioning))
        division = measure(listing.sizes, partitions)
        os.makedirs(paths.packs, exist_ok=True)
        empty(paths.packs)
        packs = Packs(listing, partitions, most=plan.partitioning.pack)
        for number, pack in enumerate(packs.sealed()):
            _write(f"{paths.packs}/{number}.json", pack)
    _write(paths.digest, packs.root.encode())
    _write(paths.per_pack, str(packs.per_pack).encode())
    _write(paths.division, division.to_json().encode())
    counts = _counts(division)
    for name, path in paths.counts.items():
        _write(path, str(counts[name]).encode())
    reporter.leave_warnings(paths.warnings)
    reporter.event("listed", **counts, seconds=round(time.monotonic() - started, 3))


def _found(plan: Plan, reporter: Reporter) -> Iterator[InputFile]:
    if plan.before is None:
        return find_files(plan.volumes, placed=plan.own, warn=reporter.warn)
    if plan.shares:
        return find_shares(plan.before, plan.partitioning)
    if plan.by_key:
        return find_keys(plan.before, measured=plan.partitioning.divides)
    return find_outputs(plan.before)


def _recall(plan: Plan, reporter: Reporter) -> None:
    """Recall the previous stage's warnings, which explain why it left nothing."""
    if plan.before is not None:
        numbers = sorted(filter(str.isdecimal, os.listdir(layout.STAGE_MOUNT)), key=int)
        reporter.recall(gather_warnings([f"{layout.STAGE_MOUNT}/{number}" for number in numbers]))


def _counts(division: Division) -> dict[str, int]:
    return {
        "partitions": len(division.files),
        "files": sum(division.files),
        "bytes": sum(size or 0 for size in division.sizes),
    }


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
