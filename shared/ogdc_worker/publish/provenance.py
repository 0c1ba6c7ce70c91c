"""How a result came to be, in a directory that goes along with it.

Whatever prevents that changes nothing of the result: it is warned of.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared import layout
from ogdc_shared.removal import remove
from ogdc_shared.walking import walk
from ogdc_worker.report import now

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from ogdc_shared.provenance.task_facts import TaskRecord
    from ogdc_worker.publish.publication import Publication
    from ogdc_worker.report import Reporter


def make_crate(publication: Publication, reporter: Reporter, names: Container[str]) -> str | None:
    """Write the crate of a run beside its workspaces.

    Args:
        publication: What is published.
        reporter: Is warned where there will be none.
        names: Of all that is published.

    Returns:
        The directory; None: there is no crate.
    """
    if not os.path.isfile(publication.description):  # a workflow of a version before; or it was removed
        reporter.event("provenance_not_kept", reason="nothing is known of the run as a whole")
        return None
    if layout.PROVENANCE in names:
        reporter.warn(
            "provenance_not_kept",
            f"A command wrote {layout.PROVENANCE!r}, where it would be told how the result came to be. "
            "Have it write another name.",
        )
        return None
    directory = crate_directory(publication)
    try:
        remove(directory)
        os.makedirs(directory)
        _write(publication, directory)
    except Exception as exc:  # facts are whatever commands made of them
        reporter.warn(
            "provenance_not_kept",
            f"The result is whole, but how it came to be could not be written: {type(exc).__name__}: {exc}",
        )
        with suppress(OSError):
            remove(directory)
        return None
    return directory


def crate_directory(publication: Publication) -> str:
    """Where a crate is made: no task that runs commands sees that."""
    return f"{publication.volume}/{layout.workspace(publication.run)}/provenance"


def crate_members(directory: str) -> dict[str, str]:
    """What of a crate becomes part of a result: its name there, and where it is."""
    found = {f"{layout.PROVENANCE}/{name}": entry.path for name, entry in walk(directory)}
    return {layout.PROVENANCE: directory} | found


def _write(publication: Publication, directory: str) -> None:
    from ogdc_shared.provenance.crate import write_crate
    from ogdc_shared.provenance.description import RunDescription

    with open(publication.description, "rb") as file:
        run = RunDescription.from_json(file.read())
    is_there = run.recipe_is_public and os.path.isfile(f"{publication.recipe}/meta.yml")
    recipe = publication.recipe if is_there else None
    write_crate(directory, run._replace(finished_at=now()), _tasks(publication), recipe=recipe)


def _tasks(publication: Publication) -> Iterator[TaskRecord]:
    from ogdc_shared.provenance.task_facts import TaskRecord

    for stage, partitions in publication.stages():
        for number, workspace in enumerate(publication.workspaces_of(stage, partitions)):
            facts = f"{workspace}/{layout.FACTS}"
            yield TaskRecord(stage, number, facts=facts if os.path.lexists(facts) else None)
