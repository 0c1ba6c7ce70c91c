"""Writing a run's crate into a directory: metadata, tables, and the recipe as submitted."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from ogdc_shared.layout import CRATE_METADATA
from ogdc_shared.provenance.gathering import Gathering
from ogdc_shared.provenance.graph import COMMANDS, README, Graph
from ogdc_shared.provenance.recipe_copy import RECIPE, copy_recipe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ogdc_shared.provenance.description import RunDescription
    from ogdc_shared.provenance.task_facts import TaskRecord


_README = """# Provenance of run {run}

How a result of the recipe {recipe} came to be, as a
[Provenance Run Crate](https://www.researchobject.org/workflow-run-crate/profiles/provenance_run_crate/).

| file | what it holds |
| --- | --- |
| `ro-crate-metadata.json` | who ran what, when, with which software, from which inputs |
| `files.csv` | a row for each input and output: path, size, checksum, and where an input came from |
| `executions.csv` | a row for each time that a command ran: exit code, time and memory |
| `recipe/` | the recipe as it was submitted; where it may not be shown, `commands.txt` holds its commands |

Paths are percent-encoded as in URIs. `ogdc-runner reproduce` runs the recipe again and compares the results.
"""


def write_crate(
    directory: str, run: RunDescription, tasks: Iterable[TaskRecord], *, recipe: str | None
) -> None:
    """Write the crate of a run to an empty directory.

    Args:
        directory: The directory.
        run: The run's description.
        tasks: Its tasks with a partition, in order; iterated once.
        recipe: Directory of the recipe as submitted; None if it must not be shown, or was removed.

    Raises:
        OSError: it cannot be written.
    """
    gathered = Gathering(run)
    gathered.gather(tasks, directory)
    files = [] if recipe is None else sorted(copy_recipe(recipe, os.path.join(directory, RECIPE)))
    if not files:
        _write_commands(os.path.join(directory, COMMANDS), run)
    with open(os.path.join(directory, README), "w", encoding="utf-8") as readme:
        readme.write(_README.format(run=run.name, recipe=run.recipe_id))
    document = Graph(run, gathered, files).to_json()
    with open(os.path.join(directory, CRATE_METADATA), "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")


def _write_commands(path: str, run: RunDescription) -> None:
    """Write the commands to a file, which replaces the recipe in the crate."""
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        for stage in run.stages:
            file.writelines(f"{command.text}\n" for command in stage.commands)
