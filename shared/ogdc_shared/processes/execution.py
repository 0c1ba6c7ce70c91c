"""Running a process: from a request to execute it to a run.

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
from ogdc_shared.recipe.parameters import has_type
from ogdc_shared.storage.store import ArtifactNotFoundError

if TYPE_CHECKING:
    from ogdc_shared.auth.caller import Caller
    from ogdc_shared.db.runs import Run
    from ogdc_shared.processes.record import Process

_OF_VALUES = frozenset({"value", "mediaType", "encoding", "schema", "format"})
"""What an object has that stands for the value in it (qualifiedInputValue)."""


class Execute(NamedTuple):
    """What is asked of a process."""

    inputs: Mapping[str, Any]
    """By name."""
    outputs: frozenset[str] = frozenset()
    """Those that are wanted; empty: all."""
    response: str = "raw"
    """`raw` or `document`; of outputs by value."""


def read_execute(body: Any) -> Execute:
    """Read the body of a request, in JSON.

    Raises:
        InvalidRequestError: it is none, or asks for what is not offered.
    """
    if not isinstance(body, dict):
        raise InvalidRequestError('The body has to be a JSON object such as {"inputs": {}}.')
    inputs, outputs, response = body.get("inputs", {}), body.get("outputs", {}), body.get("response", "raw")
    for name, value in {"inputs": inputs, "outputs": outputs}.items():
        if not isinstance(value, dict):
            raise InvalidRequestError(f"{name}: give an object, by the names of {name}.")
    if response not in ("raw", "document"):
        raise InvalidRequestError(f"response={response!r:.100}: give raw or document.")
    if body.get("subscriber") is not None:
        raise InvalidRequestError("subscriber: this service calls nobody back; ask for the job's status.")
    return Execute(inputs, frozenset(outputs), response)


def execute(
    context: Context, process: Process, asked: Execute, *, caller: Caller, idempotency_key: str | None = None
) -> Run:
    """Start a run of a process's recipe.

    Raises:
        InvalidRequestError: it has no such input or output, or an input is not what it takes.
        InputError: the run is refused, as any of the recipe would be.
        UnavailableError: a part is away.
    """
    from ogdc_shared.runs.recipes import RecipeSource
    from ogdc_shared.runs.submit import submit_recipe

    values = _values(process, asked)
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
    )


def _bundle(context: Context, process: Process) -> bytes:
    try:
        return context.store.get(snapshot_key(process.snapshot))
    except ArtifactNotFoundError as exc:
        raise RecipeNotFoundError(
            f"The recipe of process {process.id} is not in the artifact store any more; deploy it again."
        ) from exc


def _values(process: Process, asked: Execute) -> dict[str, Any]:
    """The values of inputs; what more they have to be, the recipe's parameters say."""
    inputs, outputs = process.description["inputs"], process.description["outputs"]
    for name in asked.outputs - outputs.keys():
        raise InvalidRequestError(f"output {name!r:.100}: there are {', '.join(outputs)}.")
    for name in asked.inputs.keys() - inputs.keys():
        there = f"there are {', '.join(inputs)}" if inputs else "the process has none"
        raise InvalidRequestError(f"input {name!r:.100}: there is no such input; {there}.")
    for name, described in inputs.items():
        if described["minOccurs"] and name not in asked.inputs:
            raise InvalidRequestError(f"input {name}: is missing.")
    by_reference = is_echo(process)
    return {
        name: _value(name, given, inputs[name]["schema"], by_reference=by_reference)
        for name, given in asked.inputs.items()
    }


def _value(name: str, given: Any, schema: Mapping[str, Any], *, by_reference: bool) -> Any:
    """The value of an input, without what may be around it.

    A text is none of another type, as it may be in a command line.
    """
    if isinstance(given, dict) and "href" in given:
        if not by_reference:
            raise InvalidRequestError(f"input {name}: this process takes values, and no references (href).")
        return given
    kinds = [each["type"] for each in schema.get("oneOf", [schema])]
    candidates = [given]
    if isinstance(given, dict) and "value" in given and given.keys() <= _OF_VALUES:
        candidates.insert(0, given["value"])
    for value in candidates:
        if any(has_type(kind, value) for kind in kinds):
            return value
    raise InvalidRequestError(
        f"input {name}: {given!r:.100} is not of type {' or '.join(dict.fromkeys(kinds))}."
    )
