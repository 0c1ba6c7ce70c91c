"""The provenance of a result, as a crate (see `ogdc_shared.provenance`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ogdc_shared import layout
from ogdc_worker.report import now

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from ogdc_shared.provenance.description import RunDescription
    from ogdc_shared.provenance.task_facts import TaskRecord
    from ogdc_worker.publish.publication import Publication


def write_crate_of(publication: Publication, directory: str, _names: Container[str]) -> None:
    """Write the crate of a run to an empty directory.

    Raises:
        OSError: it cannot be written.
    """
    from ogdc_shared.provenance.crate import write_crate

    run = read_description(publication)
    is_there = run.recipe_is_public and os.path.isfile(f"{publication.recipe}/meta.yml")
    write_crate(directory, run, _tasks(publication), recipe=publication.recipe if is_there else None)


def read_description(publication: Publication) -> RunDescription:
    """Return the run's description, with the current time as its end."""
    from ogdc_shared.provenance.description import RunDescription

    with open(publication.description, "rb") as file:
        return RunDescription.from_json(file.read())._replace(finished_at=now())


def _tasks(publication: Publication) -> Iterator[TaskRecord]:
    from ogdc_shared.provenance.task_facts import TaskRecord

    for stage, partitions in publication.stages():
        for number, workspace in enumerate(publication.workspaces_of(stage, partitions)):
            facts = f"{workspace}/{layout.FACTS}"
            yield TaskRecord(stage, number, facts=facts if os.path.lexists(facts) else None)
