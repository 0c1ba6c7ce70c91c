"""Where on the Earth a result lies, as a STAC catalogue (see `ogdc_shared.stac`).

Nothing is opened for it: tasks have looked at what they left, in the sandbox that it was made in.
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
"""Of one item; the crate has all."""


def write_catalog_of(publication: Publication, directory: str, names: Container[str]) -> None:
    """Write the catalogue of a result into an empty directory; nothing where none of it lies anywhere.

    Raises:
        OSError: it cannot be written.
        ValueError: a task left facts that are none.
    """
    outputs = _outputs(publication, names, Thumbnails(directory))
    first = next(outputs, None)
    if first is not None:
        from ogdc_shared.stac.catalog import write_catalog

        write_catalog(directory, read_description(publication), chain((first,), outputs))


def _outputs(publication: Publication, names: Container[str], thumbnails: Thumbnails) -> Iterator[Output]:
    """Yield what was described, if it is published."""
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
    """What a task described, the files that it wrote, and the URLs of what it fetched."""
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
