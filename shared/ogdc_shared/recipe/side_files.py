"""Files beside `meta.yml` that it names, with errors that say where."""

from __future__ import annotations

import json
from pathlib import Path

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.recipe.explain import shown
from ogdc_shared.recipe.files import UnusableFileError, confined, read_text
from ogdc_shared.recipe.forms import META_FILE


def side_file(directory: Path, key: str, name: str) -> str:
    """Return the path of a side file that `meta.yml` names under `key`.

    Raises:
        InvalidRecipeError: there is no such file, or it is outside the recipe directory.
    """
    try:
        return confined(directory, name)
    except UnusableFileError as exc:
        raise InvalidRecipeError(f"{META_FILE}: {key}: {shown(name)} {exc}") from exc


def read_side_text(directory: Path, key: str, name: str) -> str:
    """Return the text of a side file.

    Raises:
        InvalidRecipeError: as for `side_file`, or it is too large, or not in UTF-8.
    """
    path = side_file(directory, key, name)
    try:
        return read_text(path)
    except UnusableFileError as exc:
        raise InvalidRecipeError(f"{name}: {exc}") from exc


def check_json_object(text: str, file: str) -> None:
    """Check that a side file contains a JSON object.

    Raises:
        InvalidRecipeError: it does not; the message says where, and what to do.
    """
    try:
        config = json.loads(text)
    except json.JSONDecodeError as exc:
        raise InvalidRecipeError(
            f"{file}: line {exc.lineno}, column {exc.colno}: is not JSON: {exc.msg}; "
            "check the commas, quotes and brackets there and just before."
        ) from exc
    except (RecursionError, ValueError) as exc:
        raise InvalidRecipeError(
            f"{file}: is nested too deeply or contains too long a number; simplify it."
        ) from exc
    if not isinstance(config, dict):
        raise InvalidRecipeError(
            f"{file}: contains {shown(config)} instead of an object; write {{ … }} around it."
        )
