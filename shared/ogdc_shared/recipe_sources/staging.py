"""Staging: fetching a recipe from its location into a directory.

A location is one of

- `github://ORGANISATION:REPOSITORY@REF/PATH`, `s3://BUCKET/PATH`, or another of `schemes.SCHEMES`,
- an http(s) URL of a directory that the server lists,
- one of these that ends with an archive: .tar.gz, .tgz or .zip,
- if the caller is on the same machine, a directory or an archive there: a path, `~/…` or `file:///…`.

The recipe is the directory with `meta.yml`: the location itself, or its only such subdirectory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ogdc_shared.errors import ForbiddenError, InvalidRequestError, RecipeNotFoundError
from ogdc_shared.reach import Reach
from ogdc_shared.recipe.forms import ARCHIVES, META_FILE, is_archive, names_in, recipe_roots
from ogdc_shared.recipe_sources.schemes import open_source
from ogdc_shared.recipe_sources.source import Budget, Source
from ogdc_shared.removal import remove
from ogdc_shared.several import several
from ogdc_shared.storage.files import disk_errors

if TYPE_CHECKING:
    from ogdc_shared.reach import IPNetwork

MAX_LOCATION = 2048
NAMES_SHOWN = 10


def stage_recipe(location: str, into: Path, *, allow_local: bool, networks: Sequence[IPNetwork] = ()) -> Path:
    """Copy a recipe into an empty directory and return the directory in it that holds `meta.yml`.

    Args:
        location: See the module.
        into: Created if missing; empty again after an error.
        allow_local: Whether the caller is this machine's own user, who may use local files and addresses that
            only this machine can reach.
        networks: Non-public networks that the operator allows.

    Raises:
        InvalidRequestError: the location has an unknown form, or holds more than a recipe may have.
        ForbiddenError: it is on this machine or in a non-public network, which is not allowed.
        RecipeNotFoundError: there is no recipe.
        InvalidRecipeError: its files cannot be used: a link leads out of it, an archive is damaged, …
        UnsupportedError: a package needed for this kind of location is missing.
        SourceUnavailableError: its server does not answer.
        StorageUnavailableError: the disk is full.
    """
    _check(location)
    path = _local_path(location)
    if path is not None and not allow_local:
        raise ForbiddenError(
            f"{location}: the service reads no recipes from its own disk. Give another location, such as "
            "github://ORGANISATION:REPOSITORY@REF/PATH, or send the recipe itself with `ogdc-runner submit`."
        )
    with disk_errors("the recipe"), _whole_or_nothing(into):
        if path is None:
            reach = Reach(anywhere=allow_local, networks=tuple(networks))
            _stage_open(open_source(location, reach), location, into)
        else:
            _stage_local(path, into)
        return into / _recipe_root(location, names_in(into))


def _check(location: str) -> None:
    if not location or len(location) > MAX_LOCATION or not location.isprintable():
        raise InvalidRequestError(
            f"{location[:80]!r} is not the location of a recipe: "
            f"give 1 to {MAX_LOCATION} characters, all of them printable."
        )


@contextmanager
def _whole_or_nothing(directory: Path) -> Iterator[None]:
    """Make an empty directory, and empty it again when the block fails."""
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise ValueError(f"{directory} is not empty")
    try:
        yield
    except BaseException:
        for entry in directory.iterdir():
            remove(entry)
        raise


def _local_path(location: str) -> Path | None:
    """Return the local path that a location stands for, or None if it is remote."""
    scheme, separator, rest = location.partition("://")
    if not separator:
        return Path(location)
    if scheme.lower() == "file":
        return Path(unquote(rest.removeprefix("localhost")))
    return None


def _stage_local(path: Path, into: Path) -> None:
    from ogdc_shared.recipe.bundle import pack, unpack

    path = _whole_path(path)
    try:
        if path.is_dir():
            unpack(pack(path / _recipe_root(str(path), names_in(path))), into)
        elif path.is_file() and is_archive(path.name):
            with path.open("rb") as archive:
                unpack(archive, into)
        else:
            what = f"neither a directory nor an archive ({', '.join(ARCHIVES)})"
            raise RecipeNotFoundError(f"{path}: {what if path.exists() else 'the directory does not exist'}.")
    except PermissionError as exc:
        raise RecipeNotFoundError(
            f"{path}: cannot be read. Check the permissions of {exc.filename}."
        ) from exc


def _whole_path(path: Path) -> Path:
    try:
        path = path.expanduser()
    except RuntimeError as exc:
        raise InvalidRequestError(
            f"{path}: that home directory is not known. Give an absolute path."
        ) from exc
    if not path.is_absolute():
        raise InvalidRequestError(
            f"{path}: give an absolute path, because the directory that it is relative to is not known here."
        )
    return path


def stage_source(source: Source, location: str, into: Path) -> Path:
    """Copy a recipe as `stage_recipe` does, out of a source that is open already, and close that."""
    with disk_errors("the recipe"), _whole_or_nothing(into):
        _stage_open(source, location, into)
        return into / _recipe_root(location, names_in(into))


def _stage_open(source: Source, location: str, into: Path) -> None:
    budget = Budget(location)
    with closing(source):
        if is_archive(urlsplit(location).path):
            _stage_archive(source, into, budget)
        else:
            _stage_directory(source, into, budget)


def _stage_archive(source: Source, into: Path, budget: Budget) -> None:
    from ogdc_shared.recipe.bundle import unpack

    unpack(b"".join(_counted(source.read(source.root), budget)), into)


def _stage_directory(source: Source, into: Path, budget: Budget) -> None:
    files = list(source.files(budget))
    root = _recipe_root(budget.location, [_safe(file.path) for file in files])
    for file in files:
        if PurePosixPath(file.path).is_relative_to(root):
            path = into / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as target:
                target.writelines(_counted(source.read(file.locator), budget))


def _counted(pieces: Iterable[bytes], budget: Budget) -> Iterator[bytes]:
    for piece in pieces:
        budget.spend(size=len(piece))
        yield piece


def _safe(path: str) -> str:
    if not path.isprintable() or any(part in ("", ".", "..") for part in path.split("/")):
        raise InvalidRequestError(f"{path!r} cannot be the name of a recipe's file. Rename it.")
    return path


def _recipe_root(location: str, paths: Iterable[str]) -> PurePosixPath:
    """Return the directory with `meta.yml`, relative to the location; `paths` are all of its files.

    Raises:
        InvalidRequestError: there are several such directories.
        RecipeNotFoundError: there is none.
    """
    paths = list(paths)
    roots = recipe_roots(paths)
    if len(roots) > 1:
        raise InvalidRequestError(
            f"{location}: there are several recipes. Give one of them: {_listing(roots)}."
        )
    if not roots:
        tops = {PurePosixPath(PurePosixPath(path).parts[0]) for path in paths}
        raise RecipeNotFoundError(
            f"{location}: there is no {META_FILE}. Give the directory that contains it "
            f"(there is: {_listing(tops)})."
        )
    return roots[0]


def _listing(paths: Iterable[PurePosixPath]) -> str:
    names = sorted(map(str, paths))
    return several(names, shown=NAMES_SHOWN) or "nothing"
