"""Inputs that are part of the recipe."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ogdc_shared.digests import sha256
from ogdc_shared.errors import InputNotFoundError
from ogdc_shared.filenames import last_component, placed, take_name
from ogdc_shared.trees import flush
from ogdc_worker.fetch.doubts import doubt_of, refuse_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ogdc_shared.plan import InputFile

_PIECE_BYTES = 1 << 20


def copy_files(files: Sequence[InputFile], *, recipe: str, directory: str) -> Iterator[dict[str, Any]]:
    """Copy files of the recipe to a directory and yield the facts of each; they are flushed at the end.

    Args:
        files: The files.
        recipe: The recipe's directory.
        directory: The target directory.

    Raises:
        InputNotFoundError: the recipe has no such file.
        UnusableInputError: two have the same name, or one is a Git LFS pointer.
    """
    owners: dict[str, str] = {}
    for file in files:
        pieces, name = read_recipe_file(recipe, file.source), recipe_file_name(file)
        take_name(owners, name, file.source)
        os.makedirs(os.path.dirname(f"{directory}/{name}"), exist_ok=True)
        state = sha256()
        with open(f"{directory}/{name}", "wb") as copy:
            for piece in pieces:
                copy.write(piece)
                state.update(piece)
            checksum = f"sha256:{state.hexdigest()}"
            size = copy.tell()
        refuse_pointer(copy.name, file.source)
        doubt = doubt_of(copy.name, name=name, source=file.source)
        yield {"source": file.source, "name": name, "size": size, "checksum": checksum, "doubt": doubt}
    flush(directory)


def read_recipe_file(recipe: str, source: str) -> Iterator[bytes]:
    """Read a file by its path relative to the recipe's directory.

    Raises:
        InputNotFoundError: the recipe has no such file; raised immediately, not on iteration.
    """
    top = os.path.realpath(recipe)
    path = os.path.realpath(os.path.join(top, source)) if "\0" not in source else ""
    if not path.startswith(f"{top}/") or not os.path.isfile(path):
        raise InputNotFoundError(f"The recipe has no file {source!r}; put it into the recipe's directory.")
    return _pieces(path)


def recipe_file_name(file: InputFile) -> str:
    """Return the name under which such a file is stored, including its directory."""
    return placed(file, last_component(file.source))


def _pieces(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
