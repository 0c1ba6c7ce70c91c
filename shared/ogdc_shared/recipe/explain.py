"""Turning pydantic's validation errors of `meta.yml` into messages for the recipe's author.

Each names the file, the path of the key, the value, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from ogdc_shared.recipe.models import RecipeMeta
from ogdc_shared.shortening import shortened

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    Location = tuple[int | str, ...]

_SHOWN = 80
_MAX = 20
"""Maximum number of listed problems of a file, since a list of a thousand bad URLs has one cause."""

_ADVICE = {
    "list_type": "give a list, each entry on a line that begins with `- `.",
    "tuple_type": "give a text, or a list of texts.",
    "too_short": "give at least one.",
    "bool_type": "give true or false.",
    "bool_parsing": "give true or false.",
    "int_type": "give a whole number.",
    "int_parsing": "give a whole number.",
    "int_from_float": "give a whole number.",
    "float_type": "give a number.",
    "float_parsing": "give a number.",
    "finite_number": "give a whole number.",
    "greater_than_equal": "give at least {ge}.",
    "less_than_equal": "give at most {le}.",
    "literal_error": "give {expected}.",
}


def explain(error: ValidationError, *, file: str) -> tuple[str, ...]:
    """Return one sentence for each problem in `file`, at most twenty."""
    found = error.errors(include_url=False)
    sentences = [f"{file}: {_sentence(details)}" for details in found[:_MAX]]
    if len(found) > _MAX:
        sentences.append(f"{file}: and {len(found) - _MAX} more; fix these first.")
    return tuple(sentences)


def shown(value: object) -> str:
    """Format a value for a message: texts are quoted, long values are shortened."""
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'}"
    from ogdc_shared.redact import redact_text  # imported late, only for errors

    text = redact_text(str(value))  # before shortening, so that secrets are recognized
    short = shortened(text, _SHOWN)
    return repr(short) if isinstance(value, str) else short


def _sentence(details: ErrorDetails) -> str:
    kind, location = details["type"], details["loc"]
    key = _key(location)
    if kind == "extra_forbidden":
        return f"{key}: unknown key; {_nearest(str(location[-1]), list(_fields(location)))}"
    if kind == "missing":
        description = _fields(location)[str(location[-1])].description
        return f"{key}: is missing; add it{f' ({description})' if description else '.'}"
    if kind.startswith("union_tag"):
        return f"{key}.type: {_about_type(location, details.get('ctx', {}).get('tag'))}"
    return f"{key}: {_about_value(kind, details['input'], details)}"


def _about_type(location: Location, tag: str | None) -> str:
    if tag is None:
        return f"is missing; give one of {', '.join(_tags(location))}."
    return f"{shown(tag)} is not a type for this; {_nearest(tag, _tags(location))}"


def _about_value(kind: str, value: object, details: ErrorDetails) -> str:
    context = details.get("ctx", {})
    if value is None:
        return "has no value; give one, or remove the key."
    if kind in {"model_type", "model_attributes_type"}:
        return f"{shown(value)} is not a mapping; give `key: value` lines, indented below it."
    if kind == "string_type":
        return f"{shown(value)} is not a text; {_as_text(value)}"
    if kind == "value_error":
        return f"{shown(value)} {context['error']}"
    advice = _ADVICE[kind].format_map(context) if kind in _ADVICE else f"{details['msg']}."
    return f"{shown(value)} cannot be used; {advice}"


def _as_text(value: object) -> str:
    if isinstance(value, dict | list):
        return "give a single value."
    if isinstance(value, bool):  # the original text is lost
        written = "yes, on or true" if value else "no, off or false"
        return f"YAML reads {written} as this value; put quotes around the word."
    return f'put quotes around it: "{value}".'


def _key(location: Location) -> str:
    """Format a location as an author would write it: `input.params[0].value`."""
    path = ""
    for part in _without_tags(location):
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")


def _without_tags(location: Location) -> Iterator[int | str]:
    """Remove the parts of a location by which pydantic names the model of a tagged union."""
    for position, part in enumerate(location):
        within = location[:position]
        if within in {("workflow",), ("output",)} or (position == 3 and location[:2] == ("input", "params")):
            continue
        yield part


def _tags(location: Location) -> list[str]:
    return [
        str(get_args(model.model_fields["type"].annotation)[0]) for model in _models(_annotation(location))
    ]


def _nearest(word: str, known: list[str]) -> str:
    from difflib import get_close_matches  # imported late, only for errors

    if near := get_close_matches(word, known, n=1):
        return f"did you mean {near[0]}?"
    return f"possible here: {', '.join(known)}."


def _fields(location: Location) -> dict[str, FieldInfo]:
    """Return the fields of the model that contains a location."""
    return next(_models(_annotation(location[:-1]))).model_fields


def _annotation(location: Location) -> Any:
    annotation: Any = RecipeMeta
    for part in location:
        models = list(_models(annotation))
        if isinstance(part, int):
            continue
        if len(models) > 1:
            annotation = next(m for m in models if part in get_args(m.model_fields["type"].annotation))
        else:
            annotation = models[0].model_fields[part].annotation
    return annotation


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from _models(argument)
