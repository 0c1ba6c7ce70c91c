"""The description of a recipe as a process, derived from its `meta.yml`.

Source: OGC 18-062r2, section 7.10 and class ogc-process-description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.processes.jobs import RESULT
from ogdc_shared.processes.references import OBJECT
from ogdc_shared.recipe.parameters import as_shown

if TYPE_CHECKING:
    from ogdc_shared.recipe.parameter_models import RecipeParameter
    from ogdc_shared.recipe.recipe import Recipe

OVERWRITE = "overwrite"
"""The input of recipes that publish to a place of their own."""
_OVERWRITE: dict[str, Any] = {
    "title": "Overwrite",
    "description": "Replace the data that an earlier job of this process published.",
    "schema": {"type": "boolean", "default": False},
    "minOccurs": 0,
    "maxOccurs": 1,
}
_OBJECT: dict[str, Any] = {
    "title": "File",
    "description": "The file that the recipe takes in, by reference: a link with its URL as href.",
    "schema": {"type": "string", "contentEncoding": "binary", "contentMediaType": "application/octet-stream"},
    "minOccurs": 1,
    "maxOccurs": 1,
}


def describe_process(recipe: Recipe) -> dict[str, Any]:
    """Describe a recipe, but for its id, its version and links."""
    is_zip = policy_of(recipe.meta.output.type).is_zip
    metadata = recipe.meta.metadata
    described: dict[str, Any] = {
        "title": metadata.title if metadata else recipe.meta.name,
        "jobControlOptions": ["async-execute", "dismiss"],
        "outputTransmission": ["reference"],
        "inputs": {each.name: _input(each) for each in recipe.meta.parameters},
        "outputs": {RESULT: _zip() if is_zip else _list_of_files()},
    }
    described["inputs"] |= own_inputs(recipe)
    if metadata:
        described |= {"description": metadata.abstract, "keywords": list(metadata.keywords)}
    return described


def own_inputs(recipe: Recipe) -> dict[str, Any]:
    """The inputs that a process has besides its recipe's parameters, by name."""
    from ogdc_shared.recipe.input_models import UploadInput

    inputs = {}
    if any(isinstance(param, UploadInput) for param in recipe.meta.input.params):
        inputs[OBJECT] = _OBJECT
    if not policy_of(recipe.meta.output.type).is_zip:
        inputs[OVERWRITE] = _OVERWRITE
    return inputs


def _input(parameter: RecipeParameter) -> dict[str, Any]:
    known = {"title": parameter.title or parameter.name, "description": parameter.description}
    occurs = {"minOccurs": int(parameter.is_required), "maxOccurs": 1}
    return {key: value for key, value in known.items() if value} | {"schema": _schema(parameter)} | occurs


def _schema(parameter: RecipeParameter) -> dict[str, Any]:
    keys = ("type", "enum", "minimum", "maximum", "pattern", "default")
    given = parameter.model_dump(include={*keys}, exclude_none=True, mode="json")
    bounds = {key: int(given[key]) for key in ("minimum", "maximum") if given.get(key, 0.5).is_integer()}
    return as_shown({key: given[key] for key in keys if key in given} | bounds)


def _zip() -> dict[str, Any]:
    return {
        "title": "The result",
        "description": "A link to a zip of all files.",
        "schema": {"type": "string", "contentMediaType": "application/zip", "contentEncoding": "binary"},
    }


def _list_of_files() -> dict[str, Any]:
    return {
        "title": "The result",
        "description": "A link to a list of all files, each with a link of its own.",
        "schema": {"type": "object", "contentMediaType": "application/json"},
    }
