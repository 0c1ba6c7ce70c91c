"""The tasks of a DAG with their templates, arguments and dependencies.

Source: https://argo-workflows.readthedocs.io/en/latest/enhanced-depends-logic/ (`depends`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from ogdc_local.engine import spec as argo
from ogdc_local.engine.conversion import ManifestError
from ogdc_local.engine.manifest_values import GLOBALS, NAME, check_tags, checked_name
from ogdc_local.engine.program import PodTemplate, Task
from ogdc_local.engine.substitute import tags


def read_tasks(dag: argo.Dag, templates: dict[str, PodTemplate], where: str) -> tuple[Task, ...]:
    """Return the tasks of a DAG in topological order.

    Args:
        dag: The DAG.
        templates: The container templates by name.
        where: Path of the DAG in the manifest, for messages.

    Raises:
        ManifestError: a task refers to something that does not exist, or dependencies are cyclic.
    """
    places = {
        checked_name(task.name, f"{where}.tasks[{index}]"): (task, f"{where}.tasks[{index}]")
        for index, task in enumerate(dag.tasks or ())
    }
    tasks = {name: _task(name, task, templates, place) for name, (task, place) in places.items()}
    for name, task in tasks.items():
        for dependency in task.dependencies:
            if dependency not in tasks:
                raise ManifestError(f"{places[name][1]}.depends: there is no task {dependency!r}.")
    try:
        order = TopologicalSorter({name: task.dependencies for name, task in tasks.items()})
        return tuple(tasks[name] for name in order.static_order())
    except CycleError as exc:
        raise ManifestError(f"{where}.tasks: tasks wait for each other: {' → '.join(exc.args[1])}.") from exc


def _task(name: str, task: argo.Task, templates: dict[str, PodTemplate], where: str) -> Task:
    template = templates.get(task.template or "")
    if template is None:
        raise ManifestError(f"{where}.template: {task.template!r} is not the name of a container template.")
    depends = tuple(part.strip() for part in task.depends.split("&&")) if task.depends else ()
    dependencies = (*(task.dependencies or ()), *depends)
    if not all(NAME.fullmatch(each) for each in dependencies):
        raise ManifestError(
            f"{where}.depends: only names of tasks joined by && are supported, got {task.depends!r}."
        )
    arguments = dict(_arguments(task.arguments or argo.Arguments(), f"{where}.arguments"))
    missing = set(template.parameters) - set(arguments) - set(template.defaults)
    if missing:
        raise ManifestError(
            f"{where}.arguments: template {template.name!r} needs {', '.join(sorted(missing))}."
        )
    sequence = task.with_sequence
    if sequence is not None and task.with_param is not None:
        raise ManifestError(f"{where}.withParam: there is a withSequence as well.")
    found = Task(
        name=name,
        template=template.name,
        dependencies=dependencies,
        arguments=arguments,
        sequence=None if sequence is None else (str(sequence.start or 0), str(sequence.count)),
        numbers=task.with_param,
    )
    _check_task_tags(found, where)
    return found


def _arguments(arguments: argo.Arguments, where: str) -> Iterator[tuple[str, str]]:
    for index, parameter in enumerate(arguments.parameters or ()):
        place = f"{where}.parameters[{index}]"
        if parameter.value is None:
            raise ManifestError(f"{place}.value: missing.")
        yield checked_name(parameter.name, place), str(parameter.value)


def _check_task_tags(task: Task, where: str) -> None:
    scope = set(GLOBALS)
    over = [*(task.sequence or ()), *([] if task.numbers is None else [task.numbers])]
    texts = [*over, *task.arguments.values()]
    outputs = rf"tasks\.({'|'.join(map(re.escape, task.dependencies))})\.outputs\.parameters\.[-\w]+"
    scope.update(tag for text in texts for tag in tags(text) if re.fullmatch(outputs, tag))
    check_tags(over, scope, f"{where}.{'withParam' if task.numbers is not None else 'withSequence'}")
    check_tags(task.arguments.values(), scope | ({"item"} if task.fans_out else set()), f"{where}.arguments")
