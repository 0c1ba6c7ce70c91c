"""The echo process for conformance tests: a recipe that returns its inputs and is really executed.

Its description needs types that recipe parameters do not have, so all inputs are passed as one parameter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ogdc_shared.context import Context
    from ogdc_shared.db.runs import Run
    from ogdc_shared.processes.record import Process

DIRECTORY = Path(__file__).with_name("echo")
LOCATION = "ogdc:echo"
"""What stands for a recipe's location in the record."""
_ID = "echo"
_PAUSE = "pause"


class Values(NamedTuple):
    """What a job is answered with."""

    by_name: Mapping[str, Any]
    is_document: bool
    """Whether as one document, however few they are."""


def echo_description() -> dict[str, Any]:
    """Return the description of the process for callers."""
    described: dict[str, Any] = json.loads((DIRECTORY / "process.json").read_bytes())
    return described


def is_echo(process: Process) -> bool:
    """Whether a process is this one, and no recipe of somebody that is called so."""
    return process.id == _ID and process.owner_id is None


def echo_parameters(inputs: Mapping[str, Any], *, outputs: frozenset[str], response: str) -> dict[str, Any]:
    """The parameters of its recipe."""
    given = {name: value for name, value in inputs.items() if name != _PAUSE}
    pause = inputs.get(_PAUSE, 0)
    return {"INPUTS": given, "PAUSE": pause, "OUTPUTS": sorted(outputs), "RESPONSE": response}


def echo_values(context: Context, run: Run) -> Values:
    """Read what a run of it has given back, as it was asked for.

    Raises:
        OutputUnavailableError: it is kept no longer.
        StorageUnavailableError: the artifact store does not answer.
    """
    from ogdc_shared.runs.output_files import open_output
    from ogdc_shared.runs.read import get_parameters

    asked = get_parameters(context, run)
    file = open_output(context, run.name, "outputs.json")
    try:
        found: dict[str, Any] = json.loads(b"".join(file.read(0, file.size)))
    finally:
        file.close()
    wanted = asked["OUTPUTS"] or found
    return Values({name: found[name] for name in wanted if name in found}, asked["RESPONSE"] == "document")
