"""The STAC catalogue of a result (see `ogdc_shared.stac`).

No output is opened for it: tasks have described their outputs in the sandbox in which they made them.
"""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING

from ogdc_shared import layout
from ogdc_shared.outputs.thumbnails import THUMBNAILS, thumbnail_name
from ogdc_worker.publish.provenance import read_description
from ogdc_worker.publish.thumbnails import Thumbnails

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from typing import Any

    from ogdc_shared.stac.item import Output, OutputFile
    from ogdc_worker.publish.publication import Publication

_MAX_SOURCES = 20
"""Maximum number of sources of one item; the crate has all."""


def write_catalog_of(publication: Publication, directory: str, names: Container[str]) -> None:
    """Write the catalogue of a result to an empty directory; nothing if no output is georeferenced.

    Raises:
        OSError: it cannot be written.
        ValueError: a task's facts are malformed.
    """
    outputs = _outputs(publication, names, Thumbnails(directory))
    first = next(outputs, None)
    if first is not None:
        from ogdc_shared.stac.catalog import write_catalog

        write_catalog(directory, read_description(publication), chain((first,), outputs))


def _outputs(publication: Publication, names: Container[str], thumbnails: Thumbnails) -> Iterator[Output]:
    """Yield the described outputs that are published."""
    from ogdc_shared.provenance.task_facts import describes_nothing

    for stage, partitions in publication.stages():
        is_last = stage == publication.stage
        if is_last or stage in publication.results:
            below = "" if is_last else f"{layout.RESULT}/"
            for workspace in publication.workspaces_of(stage, partitions):
                facts = f"{workspace}/{layout.FACTS}"
                if os.path.lexists(facts) and not describes_nothing(facts):
                    of_task = f"{workspace}/{THUMBNAILS}"
                    for output in _outputs_of(facts, below, names):
                        made = f"{of_task}/{thumbnail_name(below + output.name)}"
                        yield output._replace(thumbnail=thumbnails.take(made, output.name))


def _outputs_of(facts: str, below: str, names: Container[str]) -> Iterator[Output]:
    places, files, sources = _read(facts, below)
    if not places:
        return
    from ogdc_shared.items import group
    from ogdc_shared.stac.item import Output, output_files

    parts = group(files)
    for name in sorted(places):
        if name in names:
            of_it = output_files(name, parts.get(name, []), files)
            yield Output(name, places[name], of_it, tuple(sources[:_MAX_SOURCES]))


def _read(facts: str, below: str) -> tuple[dict[str, Any], dict[str, OutputFile], list[str]]:
    """Return what a task described, the files that it wrote, and the URLs of its inputs."""
    from ogdc_shared.provenance.task_facts import read_facts
    from ogdc_shared.provenance.values import text_of
    from ogdc_shared.stac.item import output_file

    places: dict[str, Any] = {}
    files: dict[str, OutputFile] = {}
    sources: list[str] = []
    for section, value in read_facts(facts, {"fetched", "wrote", "described"}):
        name = text_of(value.get("name"))
        if section == "fetched":
            sources.append(text_of(value.get("source")))
        elif name.startswith(below) and section == "described":
            places[name.removeprefix(below)] = value
        elif name.startswith(below) and section == "wrote":
            file = output_file(value)
            files[name.removeprefix(below)] = file._replace(path=name.removeprefix(below))
    return places, files, sources
