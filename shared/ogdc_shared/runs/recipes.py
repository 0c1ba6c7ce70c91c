"""A recipe on its way in: fetched or unpacked into a directory of its own, and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ogdc_shared.context import Context
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.recipe.bundle import unpack
from ogdc_shared.recipe.forms import names_in, recipe_roots
from ogdc_shared.recipe.recipe import Recipe, load_recipe
from ogdc_shared.recipe_sources.staging import stage_recipe


class RecipeSource(NamedTuple):
    """Where a recipe comes from: one of the two is given."""

    location: str | None = None
    """Anything that `recipe_sources.staging` reads."""
    bundle: bytes | None = None
    """A tar.gz or zip of the recipe directory."""

    def digest(self) -> str:
        """SHA-256 (hex) of what was given; the same for the same request."""
        what = [self.location, None if self.bundle is None else hashlib.sha256(self.bundle).hexdigest()]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()


@contextmanager
def opened_recipe(context: Context, source: RecipeSource) -> Iterator[Recipe]:
    """Lend a checked recipe; its directory is gone afterwards.

    Raises:
        InvalidRecipeError: it cannot run as written.
        RecipeNotFoundError: there is nothing at its location.
        SourceUnavailableError: the location's server does not answer.
        ForbiddenError: the location is a directory of the service's machine, and the deployment does not
            allow that.
    """
    with TemporaryDirectory(prefix="ogdc-recipe-") as scratch:
        yield load_recipe(_staged(context, source, into=Path(scratch)))


def _staged(context: Context, source: RecipeSource, *, into: Path) -> Path:
    if source.bundle is not None:
        unpack(source.bundle, into)
        return _recipe_root(into)
    if source.location is None:
        raise InvalidRequestError(
            "Give a recipe: its location as `recipe_path`, or a bundle of its directory."
        )
    settings = context.settings
    return stage_recipe(
        source.location,
        into,
        allow_local=settings.allow_local_recipes,
        networks=settings.allowed_networks,
    )


def _recipe_root(directory: Path) -> Path:
    """Return where the recipe is: many archives hold one directory around it all."""
    roots = recipe_roots(names_in(directory))
    return directory / roots[0] if len(roots) == 1 else directory
