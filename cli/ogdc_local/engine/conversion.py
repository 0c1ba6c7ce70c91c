"""Converts plain data to a manifest's structs; errors name the path of what is not supported."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ogdc_local.engine.spec import Workflow
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.shortening import shortened
from ogdc_shared.structs import decoder

decoder(Workflow)  # initializes msgspec's type information, which is not thread-safe
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_EXPECTED = re.compile(r"Expected `([^`]*)`.*")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_WORDS = {
    "array": "a list",
    "object": "an object",
    "str": "a string",
    "int | str": "a string",
    "bool": "true or false",
}


class ManifestError(InvalidRequestError):
    """A Workflow that the engine cannot run; the message begins with the path of the problem."""


def read_workflow(manifest: object) -> Workflow:
    """Convert parsed JSON to a Workflow.

    Raises:
        ManifestError: a value has the wrong type, or a field is not among those that the compiler writes.
    """
    try:
        return msgspec.convert(manifest, Workflow)
    except msgspec.ValidationError as exc:
        raise _refusal(manifest, str(exc)) from exc


def _refusal(manifest: object, message: str) -> ManifestError:
    problem, _, path = message.partition(" - at `$.")
    path = path.removesuffix("`")
    if found := _UNKNOWN.fullmatch(problem):
        return ManifestError(
            f"{f'{path}.{found[1]}'.lstrip('.')} is not supported by the engine of the local stack; "
            "it runs what ogdc-runner compiles. Use an Argo Workflows server for this workflow."
        )
    if found := _MISSING.fullmatch(problem):
        return ManifestError(f"{f'{path}.{found[1]}'.lstrip('.')}: missing.")
    if found := _EXPECTED.fullmatch(problem):
        kinds = found[1].removesuffix(" | null")
        problem = f"expected {_WORDS.get(kinds, kinds)}, got {_shown(manifest, path)}."
    return ManifestError(f"{path or 'workflow'}: {problem}")


def _shown(place: Any, path: str) -> str:
    """Return the value at a path, as far as msgspec gives it: `...` stands for any value of an object."""
    for key, index in _STEP.findall(path):
        if index == "...":
            break
        place = place[key] if key else place[int(index)]
    return shortened(repr(place), 80)
