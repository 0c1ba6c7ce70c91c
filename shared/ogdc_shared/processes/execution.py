"""Executing a process: from an execute request to a run.

Source: OGC 18-062r2, section 7.11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ogdc_shared.context import Context
from ogdc_shared.errors import InvalidRequestError, RecipeNotFoundError
from ogdc_shared.layout import snapshot_key
from ogdc_shared.processes.description import OVERWRITE
from ogdc_shared.processes.echo_process import echo_parameters, is_echo
from ogdc_shared.processes.references import OBJECT, References, is_link, linked_object
from ogdc_shared.recipe.parameters import has_type
from ogdc_shared.runs.trigger_inputs import SUBMITTED
from ogdc_shared.storage.store import ArtifactNotFoundError

if TYPE_CHECKING:
    from ogdc_shared.auth.caller import Caller
    from ogdc_shared.db.runs import Run
    from ogdc_shared.processes.record import Process

_OF_VALUES = frozenset({"value", "mediaType", "encoding", "schema", "format"})
"""What an object has that stands for the value in it (qualifiedInputValue)."""


class Execute(NamedTuple):
    """A request to execute a process."""

    inputs: Mapping[str, Any]
    """By name."""
    outputs: frozenset[str] = frozenset()
    """Ids of the requested outputs; empty for all."""
    response: str = "raw"
    """`raw` or `document`; of outputs by value."""


def read_execute(body: Any) -> Execute:
    """Read the JSON body of an execute request.

    Raises:
        InvalidRequestError: the body is not such a request, or asks for something that is not supported.
    """
    if not isinstance(body, dict):
        raise InvalidRequestError('The body must be a JSON object such as {"inputs": {}}.')
    inputs, outputs, response = body.get("inputs", {}), body.get("outputs", {}), body.get("response", "raw")
    for name, value in {"inputs": inputs, "outputs": outputs}.items():
        if not isinstance(value, dict):
            raise InvalidRequestError(f"{name}: give an object with the names of {name} as its keys.")
    if response not in ("raw", "document"):
        raise InvalidRequestError(f"response={response!r:.100}: give raw or document.")
    if body.get("subscriber") is not None:
        raise InvalidRequestError("subscriber: this service has no callbacks; poll the job's status instead.")
    return Execute(inputs, frozenset(outputs), response)


def execute(
    context: Context, process: Process, asked: Execute, *, caller: Caller, idempotency_key: str | None = None
) -> Run:
    """Start a run of a process's recipe.

    Raises:
        InvalidRequestError: an input or output is unknown, or an input has an invalid value.
        ForbiddenError: an input links to a place that the service may not read.
        InputError: the run is refused, as it would be if the recipe were submitted directly.
        UnavailableError: a component the service depends on is unavailable.
    """
    from ogdc_shared.runs.recipes import RecipeSource
    from ogdc_shared.runs.submit import submit_recipe

    _check_names(process, asked)
    given = dict(asked.inputs)
    trigger_inputs = linked_object(given.pop(OBJECT)) if _takes_object(process) else SUBMITTED
    values = _values(context, process, given)
    overwrite = values.pop(OVERWRITE, False)
    if is_echo(process):
        values = echo_parameters(values, outputs=asked.outputs, response=asked.response)
    return submit_recipe(
        context,
        caller=caller,
        source=RecipeSource(bundle=_bundle(context, process)),
        parameters=values,
        overwrite=overwrite,
        idempotency_key=idempotency_key,
        trigger_inputs=trigger_inputs,
    )


def _takes_object(process: Process) -> bool:
    """Whether the process takes a file; in old versions a parameter could have the same name."""
    schema = process.description["inputs"].get(OBJECT, {}).get("schema", {})
    return "contentEncoding" in schema and not is_echo(process)


def _bundle(context: Context, process: Process) -> bytes:
    try:
        return context.store.get(snapshot_key(process.snapshot))
    except ArtifactNotFoundError as exc:
        raise RecipeNotFoundError(
            f"The recipe of process {process.id} is no longer in the artifact store. Deploy it again."
        ) from exc


def _check_names(process: Process, asked: Execute) -> None:
    inputs, outputs = process.description["inputs"], process.description["outputs"]
    for name in asked.outputs - outputs.keys():
        raise InvalidRequestError(f"output {name!r:.100}: unknown output; possible: {', '.join(outputs)}.")
    for name in asked.inputs.keys() - inputs.keys():
        there = f"possible: {', '.join(inputs)}" if inputs else "the process has none"
        raise InvalidRequestError(f"input {name!r:.100}: unknown input; {there}.")
    for name, described in inputs.items():
        if described["minOccurs"] and name not in asked.inputs:
            raise InvalidRequestError(f"input {name}: is missing.")


def _values(context: Context, process: Process, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of inputs; what more they have to be, the recipe's parameters say."""
    references, values = References(context), {}
    for name, each in given.items():
        kinds = _kinds(process.description["inputs"][name]["schema"])
        if not is_link(each):
            values[name] = _value(name, each, kinds)
        elif is_echo(process):
            values[name] = each
        else:
            linked = references.value(name, each, is_text=kinds == ["string"])
            values[name] = _value(name, linked, kinds)
    return values


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    """The types that there are of an input."""
    return [each["type"] for each in schema.get("oneOf", [schema])]


def _value(name: str, given: Any, kinds: list[str]) -> Any:
    """Return the value of an input, unwrapped if it is given as `{"value": …}`.

    A text is never converted to another type, although that is done on a command line.
    """
    candidates = [given]
    if isinstance(given, dict) and "value" in given and given.keys() <= _OF_VALUES:
        candidates.insert(0, given["value"])
    for value in candidates:
        if any(has_type(kind, value) for kind in kinds):
            return value
    raise InvalidRequestError(
        f"input {name}: {given!r:.100} is not of type {' or '.join(dict.fromkeys(kinds))}."
    )
