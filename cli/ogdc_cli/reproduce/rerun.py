"""Running the recipe of a crate again, without replacing published data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from ogdc_cli.crates import fetch_crate
from ogdc_cli.reproduce.original import Original
from ogdc_cli.running import run_to_end
from ogdc_cli.submission import pack_recipe
from ogdc_local.stack.control import IDLE_SECONDS
from ogdc_shared.digests import digest, files_digest
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.outputs.output_type import OutputType
from ogdc_shared.phases import Phase
from ogdc_shared.provenance.entities import VALUE, parameter_name
from ogdc_shared.provenance.reading import read_metadata, unpack_crate
from ogdc_shared.provenance.recipe_copy import WITHHELD
from ogdc_shared.redact import HIDDEN
from ogdc_shared.walking import walk

if TYPE_CHECKING:
    from ogdc_shared.api.answers import RunDetail


class Rerun(NamedTuple):
    """A run that was made again."""

    run: RunDetail
    outputs: Path
    """The directory with its outputs, where it succeeded."""
    crate: Path


def rerun(original: Original, *, scratch: Path, quiet: bool) -> Rerun:
    """Run the recipe of a crate on this machine, to its end.

    Raises:
        InvalidRequestError: the crate's recipe is not the one that ran.
        OgdcError: the recipe is refused, or the stack does not work.
    """
    check_recipe(original)
    recipe = scratch / "recipe"
    shutil.copytree(original.recipe, recipe, symlinks=True)
    keep_apart(recipe / "meta.yml")
    packed = pack_recipe(str(recipe), parameters=parameters_of(original), advise=False)
    client, run = run_to_end(packed, idle_timeout=IDLE_SECONDS, overwrite=False, fresh=True, quiet=quiet)
    outputs = scratch / "outputs"
    if run.status == Phase.SUCCEEDED:
        unpack_crate(client.download(client.output_url(run.name), scratch), outputs)
    return Rerun(run, outputs, fetch_crate(client, run.name, scratch / "crate"))


def check_recipe(original: Original) -> None:
    """Make sure that a crate holds the recipe that ran, by the digest of its files.

    Raises:
        InvalidRequestError: it does not.
    """
    entities = read_metadata(original.crate)
    recipe = original.recipe
    withheld = [
        unquote(name.removeprefix("recipe/"))
        for name, entity in entities.items()
        if name.startswith("recipe/") and WITHHELD in str(entity.get("description", ""))
    ]
    if withheld:
        raise InvalidRequestError(
            f"The crate of {original.name} is without what gives access to its inputs, which the recipe "
            f"named in {', '.join(withheld)}. Put it back into a copy of the recipe, and run that."
        )
    found = {
        name: digest(Path(entry.path).read_bytes())
        for name, entry in walk(str(recipe))
        if entry.is_file(follow_symlinks=False)
    }
    if files_digest(found.items()) != entities.get("recipe/meta.yml", {}).get("version"):
        raise InvalidRequestError(
            f"The recipe in the crate {original.name} is not the one that ran: a file was changed, added "
            "or removed since. Download the crate again."
        )


def parameters_of(original: Original) -> dict[str, str]:
    """Values of the recipe's parameters, as texts.

    Raises:
        InvalidRequestError: of one, the crate has only a part.
    """
    prefix, suffix = parameter_name(""), VALUE
    found = {
        str(entity["name"]): str(entity["value"])
        for name, entity in read_metadata(original.crate).items()
        if name.startswith(prefix) and name.endswith(suffix)
    }
    if withheld := [name for name, value in found.items() if HIDDEN in value]:
        raise InvalidRequestError(
            f"The crate of {original.name} is without what gives access to somebody's data, which the "
            f"parameter {withheld[0]} named. Run the recipe with --set {withheld[0]}=VALUE."
        )
    return found


def keep_apart(meta: Path) -> None:
    """Change a recipe so that its run replaces nothing: neither a published result, nor one kept for reuse.

    A kept result of other bytes would become the next version of a data set, although nothing has changed.
    """
    from ogdc_shared.recipe.meta import load_meta

    content = load_meta(meta)
    output = dict(content.get("output") or {})
    kept = {key: value for key, value in output.items() if key == "license"}
    changed = {
        "output": kept | {"type": str(OutputType.TEMPORARY)},
        "workflow": dict(content.get("workflow") or {}) | {"reuse": False},
    }
    meta.write_text(json.dumps(content | changed))
