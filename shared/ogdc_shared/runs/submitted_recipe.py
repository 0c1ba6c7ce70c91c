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
"""Bytes of all files' texts together."""


class SubmittedCommand(NamedTuple):
    """A command line of a recipe, and where it stands."""

    stage: str
    number: int
    line: int
    text: str


class SubmittedFile(NamedTuple):
    """A file of a recipe."""

    file: RecipeFile
    text: str | None
    """None: it is no text, or there was no room for it."""


class SubmittedRecipe(NamedTuple):
    """What of a recipe a caller may read."""

    commands: list[SubmittedCommand]
    files: list[SubmittedFile] | None
    """None: they are for whose run it is, and for admins; or they are kept no longer."""


def submitted_recipe(context: Context, name: str, *, caller: Caller) -> SubmittedRecipe:
    """Read the recipe of a run.

    Raises:
        UnknownRunError: there is no run of that name.
        OutputUnavailableError: what it left was removed, or it is of a version that kept nothing of the kind.
        StorageUnavailableError: the artifact store does not answer.
    """
    run = reconciled_run(context, name)
    commands = [
        SubmittedCommand(stage.name, each.number, each.line, withheld(each.text))
        for stage in description_of(context, run).stages
        for each in stage.commands
    ]
    if not may_read(run, caller):
        return SubmittedRecipe(commands, None)
    with TemporaryDirectory(prefix="ogdc-recipe-") as scratch:
        recipe = unpack_recipe(context, run, Path(scratch, "recipe"))
        files = None if recipe is None else _files(recipe, Path(scratch, "shown"))
        return SubmittedRecipe(commands, files)


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
