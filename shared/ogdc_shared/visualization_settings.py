"""Settings of the tasks of visualization recipes."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from ogdc_shared.variables import FLAG, TEXT, Variable, json_object


class StageResources(NamedTuple):
    """Resources of a task of one stage."""

    cpu: str
    memory: str


class TaskResources(NamedTuple):
    """Resources of tasks, by the program's subcommand for the stage."""

    scatter: StageResources = StageResources(cpu="1", memory="2Gi")
    build: StageResources = StageResources(cpu="1", memory="4Gi")
    paint: StageResources = StageResources(cpu="1", memory="2Gi")
    top: StageResources = StageResources(cpu="1", memory="4Gi")


_FORM = 'give a JSON object such as {"build": {"cpu": "2", "memory": "8Gi"}}.'


_AMOUNTS = {
    "cpu": re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?|[0-9]{1,9}m"),
    "memory": re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?[MGT]i?"),
}
"""The accepted keys and the parsers of their values."""


def _resources(fields: Mapping[str, Any]) -> TaskResources:
    found = TaskResources()
    for stage, given in fields.items():
        if stage not in found._fields or not isinstance(given, dict):
            raise ValueError(f"{stage!r}: {given!r} is not valid for a stage; {_FORM}")
        for what, amount in given.items():
            if what not in _AMOUNTS or not _AMOUNTS[what].fullmatch(str(amount)):
                raise ValueError(f"{stage}: {what!r}: {amount!r} is not a valid amount; {_FORM}")
        asked = {what: str(amount) for what, amount in given.items()}
        found = found._replace(**{stage: getattr(found, stage)._replace(**asked)})
    return found


class VisualizationSettings(NamedTuple):
    """Image and resources of the tasks of `type: visualization` recipes."""

    image: Annotated[
        str,
        Variable(
            "OGDC_VISUALIZATION_IMAGE",
            TEXT,
            "Image of these tasks, at least as new as the services; not set: `ghcr.io/qgreenland-"
            "net/ogdc-worker-visualization` of their own version.",
        ),
    ] = ""
    resources: Annotated[
        TaskResources,
        Variable(
            "OGDC_VISUALIZATION_RESOURCES",
            json_object("a JSON object", _resources),
            "Resources of a task by its stage (`scatter`, `build`, `paint`, `top`), unless the recipe"
            ' sets them: `{"build": {"cpu": "2", "memory": "8Gi"}}`. Omitted values keep their '
            "default.",
            default="1 CPU each, 2Gi for `scatter` and `paint`, 4Gi for the others",
        ),
    ] = TaskResources()
    without_image: Annotated[
        bool,
        Variable(
            "OGDC_VISUALIZATION_WITHOUT_IMAGE",
            FLAG,
            "Whether these tasks use the packages installed with the services, as on one machine; "
            "recipes are rejected if `ogdc-runner[visualization]` is not installed.",
        ),
    ] = False
