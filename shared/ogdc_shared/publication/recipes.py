"""The metadata that a package takes from a recipe. The task that publishes cannot read meta.yml itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ogdc_shared.dataone.words import Metadata, RecipeNote, Words
from ogdc_shared.provenance.withholding import withheld
from ogdc_shared.recipe.eml_file import read_eml
from ogdc_shared.recipe.forms import META_FILE
from ogdc_shared.recipe.type_policies import type_policy

if TYPE_CHECKING:
    from ogdc_shared.recipe.models import RecipeMeta
    from ogdc_shared.recipe.recipe import Recipe


def words_of(recipe: Recipe, meta: RecipeMeta | None = None, directory: Path | None = None) -> Words:
    """Return the metadata of a recipe's result.

    Args:
        recipe: The recipe that ran; must have all required metadata (see `missing_words`), unless `meta`
            does.
        meta: Replaces the recipe's meta.yml, or None.
        directory: Directory of the files that `meta` names.

    Raises:
        InvalidRecipeError: the file of metadata cannot be read.
    """
    meta = meta or recipe.meta
    assert meta.metadata is not None
    assert meta.output.license is not None
    name = meta.metadata.eml
    eml = None if name is None else read_eml(directory or recipe.directory, name)
    return Words(
        _note_of(recipe),
        Metadata.of(meta.metadata.model_dump(mode="json")),
        meta.output.license,
        None if eml is None else ElementTree.tostring(eml, encoding="unicode"),
    )


def _note_of(recipe: Recipe) -> RecipeNote:
    """Return what a package says about a recipe, with credentials redacted."""
    file = type_policy(recipe.meta).file or META_FILE
    commands = tuple(withheld(command.text) for command in recipe.commands)
    return RecipeNote(recipe.id, recipe.meta.name, file, commands)
