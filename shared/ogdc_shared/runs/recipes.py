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
from ogdc_shared.recipe.forms import META_FILE, names_in, recipe_roots
from ogdc_shared.recipe.recipe import Recipe, load_recipe
from ogdc_shared.recipe_sources.staging import stage_recipe
from ogdc_shared.removal import remove

_MEMORY = Path("/dev/shm")  # noqa: S108  each makes a directory of its own there
"""A file system in memory, on Linux."""
_SMALL = 512 * 1024
"""Size limit for recipes in memory, in bytes; a container on a cluster has 64 MiB for all requests."""
_FEW = 100
"""Limit on the number of their files."""
_PREFIX = "ogdc-bundle-"
"""Prefix of directories in memory; earlier versions create unlocked `ogdc-recipe-*` there."""


class RecipeSource(NamedTuple):
    """Where a recipe comes from; exactly one of the fields is set."""

    location: str | None = None
    """Any location that `recipe_sources.staging` supports."""
    bundle: bytes | None = None
    """A tar.gz or zip of the recipe directory."""

    def digest(self) -> str:
        """Return the SHA-256 of the source in hex, to compare requests."""
        what = [self.location, None if self.bundle is None else hashlib.sha256(self.bundle).hexdigest()]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()


@contextmanager
def opened_recipe(context: Context, source: RecipeSource) -> Iterator[Recipe]:
    """Yield a validated recipe; its directory is deleted afterwards.

    Raises:
        InvalidRecipeError: it cannot run as written.
        RecipeNotFoundError: there is no recipe at its location.
        SourceUnavailableError: the location's server does not respond.
        ForbiddenError: the location is a local directory, which the deployment does not allow.
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
    """Unpack a bundle; a small one into memory, since creating a file on disk takes ten times as long."""
    if "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK | os.X_OK):
        # Larger or invalid bundles are unpacked on disk, which has enough space or gives the error.
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
    """Remove what killed processes left in memory, since nothing else does before the machine restarts.

    Done once per process, by the first recipe.
    """
    remove_abandoned(memory, _PREFIX)


def _directory(scratch: ExitStack) -> Path:
    """Create a temporary directory that is deleted when `scratch` is closed."""
    directory = mkdtemp(prefix="ogdc-recipe-")
    scratch.callback(remove, directory)
    return Path(directory)


def _recipe_root(directory: Path) -> Path:
    """Return the directory of the recipe, since many archives contain a single top-level directory."""
    if os.path.lexists(f"{directory}/{META_FILE}"):
        return directory
    roots = recipe_roots(names_in(directory))
    return directory / roots[0] if len(roots) == 1 else directory
