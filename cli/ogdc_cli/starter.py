"""`ogdc-runner init`: creates a small working recipe as a starting point."""

from __future__ import annotations

from pathlib import Path

from ogdc_shared.documentation import RECIPES
from ogdc_shared.errors import InvalidRequestError

_META = """\
# What every key means: {recipes}
# `ogdc-runner validate` checks this file.
name: {name}
workflow:
  type: shell
input:
  params:
    # Files beside this one; `type: url` with `value: https://…` fetches one from a server.
    - type: file
      path: places.csv
output:
  type: temporary
"""

_COMMANDS = """\
# Every line is one command. It reads /input_dir and writes /output_dir, which the next reads as /input_dir.
# The first one finds the inputs of meta.yml there; what the last one leaves is the result.
ogr2ogr -a_srs EPSG:4326 -oo X_POSSIBLE_NAMES=lon -oo Y_POSSIBLE_NAMES=lat \
/output_dir/places.gpkg /input_dir/places.csv
ogr2ogr -t_srs EPSG:3413 /output_dir/places-polar.gpkg /input_dir/places.gpkg
"""

_PLACES = """\
name,lon,lat
Nuuk,-51.7216,64.1835
Longyearbyen,15.6356,78.2232
Utqiagvik,-156.7886,71.2906
"""

DEFAULT_NAME = "My first recipe"


def write_recipe(directory: Path, *, name: str = DEFAULT_NAME) -> tuple[Path, ...]:
    """Write a valid recipe that needs no network into `directory`, which is made if need be.

    Returns:
        The files, in the order in which to read them.

    Raises:
        InvalidRecipeError: no recipe can have this name.
        InvalidRequestError: one of the files is there already; nothing is changed.
        OSError: the directory cannot be written.
    """
    from ogdc_shared.recipe.ids import recipe_id

    recipe_id(name)
    contents = {
        "meta.yml": _META.format(name=_quoted(name), recipes=RECIPES),
        "recipe.sh": _COMMANDS,
        "places.csv": _PLACES,
    }
    files = tuple(directory / file for file in contents)
    for file in files:
        if file.is_symlink() or file.exists():
            raise InvalidRequestError(f"{file} is there already. Give a new directory: ogdc-runner init DIR")
    directory.mkdir(parents=True, exist_ok=True)
    for file, content in zip(files, contents.values(), strict=True):
        with file.open("x", encoding="utf-8") as opened:
            opened.write(content)
    return files


def _quoted(name: str) -> str:
    """Return a recipe's name as YAML text, quoted if it could be read as something else."""
    return name if name[0].isalpha() and name.lower() not in _WORDS else f'"{name}"'


_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
