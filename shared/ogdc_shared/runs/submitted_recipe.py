"""The recipe of a run as submitted, with credentials redacted."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.context import Context
from ogdc_shared.provenance.recipe_copy import RecipeFile, copy_recipe
from ogdc_shared.provenance.withholding import withheld
from ogdc_shared.runs.provenance import description_of, may_read, unpack_recipe
from ogdc_shared.runs.read import reconciled_run

if TYPE_CHECKING:
    from ogdc_shared.auth.caller import Caller

MAX_TEXT = 1 << 20
"""Maximum size of all texts together, in bytes."""


class SubmittedCommand(NamedTuple):
    """A command of a recipe and its position."""

    stage: str
    number: int
    line: int
    text: str


class SubmittedFile(NamedTuple):
    """A file of a recipe."""

    file: RecipeFile
    text: str | None
    """None if it is not text, or exceeds the remaining size."""


class SubmittedRecipe(NamedTuple):
    """What a caller may read of a run's recipe."""

    stages: dict[str, list[str]]
    """Names of stages, in order → names of the stages that have to end before they begin."""
    commands: list[SubmittedCommand]
    files: list[SubmittedFile] | None
    """None if the caller is neither the owner nor an admin, or if they were removed."""


def submitted_recipe(context: Context, name: str, *, caller: Caller) -> SubmittedRecipe:
    """Read the recipe of a run.

    Raises:
        UnknownRunError: there is no run with that name.
        OutputUnavailableError: its artifacts were removed, or its version did not keep them.
        StorageUnavailableError: the artifact store does not respond.
    """
    run = reconciled_run(context, name)
    described = description_of(context, run)
    stages = {stage.name: described.after.get(stage.name, []) for stage in described.stages}
    commands = [
        SubmittedCommand(stage.name, each.number, each.line, withheld(each.text))
        for stage in described.stages
        for each in stage.commands
    ]
    if not may_read(run, caller):
        return SubmittedRecipe(stages, commands, None)
    with TemporaryDirectory(prefix="ogdc-recipe-") as scratch:
        recipe = unpack_recipe(context, run, Path(scratch, "recipe"))
        files = None if recipe is None else _files(recipe, Path(scratch, "shown"))
        return SubmittedRecipe(stages, commands, files)


def _files(recipe: Path, shown: Path) -> list[SubmittedFile]:
    room, files = MAX_TEXT, []
    for file in sorted(copy_recipe(str(recipe), str(shown))):
        text = _text(shown / file.path) if file.size <= room else None
        room -= 0 if text is None else file.size
        files.append(SubmittedFile(file, text))
    return files


def _text(path: Path) -> str | None:
    content = path.read_bytes()
    try:
        return None if b"\0" in content else content.decode()
    except UnicodeDecodeError:
        return None
