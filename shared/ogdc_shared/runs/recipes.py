"""Opening a submitted recipe: fetched or unpacked into a temporary directory, and validated."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from ogdc_shared.context import Context
from ogdc_shared.errors import InvalidRequestError, OgdcError
from ogdc_shared.locked_directories import locked_directory, remove_abandoned
from ogdc_shared.recipe.bundle import unpack
from ogdc_shared.recipe.forms import names_in, recipe_roots
from ogdc_shared.recipe.recipe import Recipe, load_recipe
from ogdc_shared.recipe_sources.staging import stage_recipe
from ogdc_shared.removal import remove

_MEMORY = Path("/dev/shm")  # noqa: S108  each makes a directory of its own there
"""Files in memory, where the system has them: Linux."""
_SMALL = 512 * 1024
"""Bytes of a recipe that may lie there; a container on a cluster has 64 MiB for all its requests."""
_FEW = 100
"""Files of such a one."""
_PREFIX = "ogdc-bundle-"
"""Of names in memory only: earlier versions make `ogdc-recipe-*` there, which they do not lock."""


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
    with ExitStack() as scratch:
        yield load_recipe(_staged(context, source, scratch))


def _staged(context: Context, source: RecipeSource, scratch: ExitStack) -> Path:
    if source.bundle is not None:
        return _recipe_root(_unpacked(source.bundle, scratch))
    if source.location is None:
        raise InvalidRequestError(
            "Give a recipe: its location as `recipe_path`, or a bundle of its directory."
        )
    settings = context.settings
    return stage_recipe(
        source.location,
        _directory(scratch),
        allow_local=settings.allow_local_recipes,
        networks=settings.allowed_networks,
    )


def _unpacked(bundle: bytes, scratch: ExitStack) -> Path:
    """Unpack a bundle: into memory where it is small, as a file on a disk takes ten times as long to make."""
    if "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK | os.X_OK):
        # What is more than that, or wrong, goes the usual way, which has room for it, or says why not.
        with suppress(OgdcError, OSError):
            _make_room(_MEMORY)
            into = scratch.enter_context(locked_directory(_MEMORY, _PREFIX))
            unpack(bundle, into, most=_SMALL, most_files=_FEW)
            return into
    into = _directory(scratch)
    unpack(bundle, into)
    return into


@cache
def _make_room(memory: Path) -> None:
    """Remove what killed processes left in memory: nothing else does so before the machine restarts.

    Once in each process, by the first recipe: a service that starts again after a kill finds what it left.
    """
    remove_abandoned(memory, _PREFIX)


def _directory(scratch: ExitStack) -> Path:
    """Make a directory that is gone when `scratch` is closed, where temporary files are."""
    directory = mkdtemp(prefix="ogdc-recipe-")
    scratch.callback(remove, directory)
    return Path(directory)


def _recipe_root(directory: Path) -> Path:
    """Return where the recipe is: many archives hold one directory around it all."""
    roots = recipe_roots(names_in(directory))
    return directory / roots[0] if len(roots) == 1 else directory
