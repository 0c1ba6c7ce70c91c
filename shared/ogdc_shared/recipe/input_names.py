"""Detecting inputs with the same file name before anything is fetched."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ogdc_shared.filenames import has_extension, name_from_url, plain_name
from ogdc_shared.recipe.files import UnusableFileError, confined
from ogdc_shared.recipe.input_models import FileInput, InputParam, Placed, UrlInput, UrlListInput
from ogdc_shared.recipe.models import RecipeMeta
from ogdc_shared.recipe.urls import read_url_list

_MAX = 10
"""Maximum number of listed clashes."""


class _Named(NamedTuple):
    """An input with a known name."""

    name: str
    """Path below `/input_dir`."""
    key: str
    """Where the recipe specifies it: a key of `meta.yml`, or a side file."""
    line: int = 0
    """Line of the side file; 0 if it is in `meta.yml`."""

    def where(self) -> str:
        return f"{self.key}, line {self.line}" if self.line else self.key


def name_problems(meta: RecipeMeta, directory: Path) -> Iterator[str]:
    """Yield a sentence for each input with the name of an earlier one or of a directory, at most ten.

    Recipes that divide their inputs among tasks are not checked, since the inputs may be in different ones. A
    server may give a file another name, so only names with an extension count as known.
    """
    if meta.workflow.parallel.enabled:
        return
    folders = _folders(meta)
    hashes = array("q", (hash(named.name) for named in _known(meta, directory)))
    hashes.extend(map(hash, folders))
    ordered = sorted(hashes)
    twice = {one for one, following in pairwise(ordered) if one == following}
    if not twice:
        return
    first: dict[str, _Named] = {}
    clashes = 0
    for named in (named for named in _known(meta, directory) if hash(named.name) in twice):
        folder = folders.get(named.name)
        other = first.setdefault(named.name, named)
        if (folder or other is not named) and clashes < _MAX:
            clashes += 1
            yield _sentence(named, f"the directory of {folder}" if folder else f"that of {other.where()}")


def _folders(meta: RecipeMeta) -> dict[str, str]:
    """Return the directories of inputs with those above them, and where the recipe first specifies each."""
    found: dict[str, str] = {}
    for position, param in enumerate(meta.input.params):
        if isinstance(param, Placed) and param.directory:
            for path in (PurePosixPath(param.directory), *PurePosixPath(param.directory).parents[:-1]):
                found.setdefault(str(path), f"input.params[{position}]")
    return found


def _sentence(named: _Named, other: str) -> str:
    folder = "directory: (a list's files all go there)" if named.line else "name: or directory:"
    file = named.key if named.line else "meta.yml"
    place = f"line {named.line}" if named.line else named.key
    return (
        f"{file}: {place}: its file would be called {named.name!r}, as {other}; give one of "
        f"them another {folder}, or leave one out."
    )


def _known(meta: RecipeMeta, directory: Path) -> Iterator[_Named]:
    for position, param in enumerate(meta.input.params):
        yield from _names(param, f"input.params[{position}]", directory)


def _names(param: InputParam, key: str, directory: Path) -> Iterator[_Named]:
    if isinstance(param, UrlInput):
        if name := param.name or _name_of(param.value):
            yield _Named(_placed(param.directory, name), key)
    elif isinstance(param, FileInput):
        yield _Named(_placed(param.directory, param.name or PurePosixPath(param.path).name), key)
    elif isinstance(param, UrlListInput):
        for line, url in _lines(directory, param.file):
            if name := _name_of(url):
                yield _Named(_placed(param.directory, name), param.file, line)


def _lines(directory: Path, file: str) -> Iterator[tuple[int, str]]:
    """Read a list of URLs; errors in the file itself are reported elsewhere."""
    try:
        yield from read_url_list(confined(directory, file))
    except UnusableFileError:
        return


def _name_of(url: str) -> str:
    """Return the name that a URL gives to its file; empty if the server may give another.

    URLs that differ only in their queries include them in their names.
    """
    segment = url.rpartition("/")[2]
    if segment.isascii() and segment.replace(".", "").replace("_", "").replace("-", "").isalnum():
        return segment if has_extension(segment) else ""  # fast path, since a list may have a million lines
    try:
        short = name_from_url(url)
        return name_from_url(url, with_query=True) if has_extension(short) else ""
    except ValueError:
        return ""


def _placed(directory: str | None, name: str) -> str:
    return f"{directory}/{plain_name(name)}" if directory else plain_name(name)
