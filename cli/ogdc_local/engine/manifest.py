"""Argo manifest → `Program`: the part of the Workflow API that `ogdc_shared.workflow.build` writes.

Everything in a manifest is either carried out, or of no meaning on one machine, or refused by its path: never
silently left out.

Source: pkg/apis/workflow/v1alpha1/workflow_types.go of argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath
from typing import Any

from ogdc_local.engine.fields import Fields, ManifestError
from ogdc_local.engine.guard import Limits
from ogdc_local.engine.program import (
    Backoff,
    InputArtifact,
    OutputArtifact,
    OutputParameter,
    PodTemplate,
    Program,
    Retry,
    Task,
    Ttl,
    VolumeMount,
)
from ogdc_local.engine.spec import KNOWN
from ogdc_local.engine.substitute import tags
from ogdc_shared.argo.retry import EARLIER_EXPRESSIONS, RETRY_EXPRESSION
from ogdc_shared.recipe.network import MAX_ADDRESSES
from ogdc_shared.recipe.quantities import amount
from ogdc_shared.storage.store import check_key
from ogdc_shared.workflow.facts import (
    ADDRESSES_ANNOTATION,
    NETWORK_LABEL,
    NETWORK_PURPOSES,
    is_address,
)
from ogdc_shared.workflow.names import is_workflow_name
from ogdc_shared.workflow.pods import POD_SPEC_PATCH

_POLICIES = ("Always", "OnFailure", "OnError", "OnTransientError")
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)?", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9_]{0,127}")
_GLOBALS = frozenset({"workflow.name", "workflow.namespace"})


def read_program(manifest: object, *, claims: Collection[str]) -> Program:
    """Read a Workflow object.

    Args:
        manifest: What JSON gave.
        claims: Names of the volume claims there are.

    Raises:
        ManifestError: it is no Workflow, asks for what the engine does not offer, or contradicts itself.
    """
    workflow = Fields(manifest, "", known=KNOWN, kind="workflow")
    if workflow.text("kind", "Workflow") != "Workflow":
        raise ManifestError(f"kind: expected Workflow, got {workflow.text('kind')!r}.")
    name = workflow.one("metadata", "metadata").text("name", "")
    if not is_workflow_name(name):
        raise ManifestError(f"metadata.name: {name!r} is not a DNS label of at most 63 characters.")
    spec = workflow.one("spec", "spec")
    if spec.text("podSpecPatch", "") not in {"", POD_SPEC_PATCH}:
        raise ManifestError(f"{spec.at('podSpecPatch')}: only the compiler's own patch is supported.")
    volumes = dict(_volumes(spec, claims))
    templates, dags = _templates(spec, volumes, dict(_sizes(spec)))
    entrypoint = spec.text("entrypoint", "")
    if entrypoint not in dags:
        raise ManifestError(f"spec.entrypoint: {entrypoint!r} is not the name of a DAG template.")
    dag = dags[entrypoint]
    return Program(
        name=name,
        entrypoint=entrypoint,
        tasks=_tasks(dag, templates),
        fail_fast=dag.flag("failFast", True),
        templates=templates,
        claims=volumes,
        secrets={
            volume.text("name"): volume.one("secret", "secret").text("secretName")
            for volume in spec.many("volumes", "volume")
            if "secret" in volume
        },
        parallelism=spec.number("parallelism"),
        deadline=spec.number("activeDeadlineSeconds"),
        ttl=_ttl(spec.one("ttlStrategy", "ttl")),
    )


def labels(manifest: dict[str, Any]) -> dict[str, str]:
    """A manifest's labels."""
    return Fields(manifest.get("metadata"), "metadata", known=KNOWN, kind="metadata").mapping("labels")


def _ttl(fields: Fields) -> Ttl:
    either = fields.number("secondsAfterCompletion")
    return Ttl(
        success=fields.number("secondsAfterSuccess", either),
        failure=fields.number("secondsAfterFailure", either),
    )


def _volumes(spec: Fields, claims: Collection[str]) -> Iterator[tuple[str, str | None]]:
    for volume in spec.many("volumes", "volume"):
        name = volume.text("name")
        if "persistentVolumeClaim" not in volume:
            yield name, None
            continue
        claim = volume.one("persistentVolumeClaim", "claim").text("claimName")
        if claim not in claims:
            raise ManifestError(
                f"{volume.at('persistentVolumeClaim.claimName')}: there is no claim {claim!r} in the local "
                f"stack; it has {', '.join(sorted(claims))}."
            )
        yield name, claim


def _sizes(spec: Fields) -> Iterator[tuple[str, int | None]]:
    """The most bytes that each empty directory may hold."""
    for volume in spec.many("volumes", "volume"):
        directory = volume.one("emptyDir", "emptyDir")
        yield volume.text("name"), _bytes(directory.text("sizeLimit", ""), directory.at("sizeLimit"))


def _bytes(text: str, where: str) -> int | None:
    try:
        return amount(text) if text else None
    except ValueError as exc:
        raise ManifestError(f"{where}: {text!r} {exc}") from exc


def _templates(
    spec: Fields, volumes: Collection[str], sizes: Mapping[str, int | None]
) -> tuple[dict[str, PodTemplate], dict[str, Fields]]:
    pods: dict[str, PodTemplate] = {}
    dags: dict[str, Fields] = {}
    for template in spec.many("templates", "template"):
        name = _name(template)
        if name in pods or name in dags:
            raise ManifestError(f"{template.at('name')}: two templates are named {name!r}.")
        if "dag" in template:
            dags[name] = template.one("dag", "dag")
        elif "container" in template:
            pods[name] = _pod(template, volumes, sizes)
        else:
            raise ManifestError(
                f"{template.at('name')}: template {name!r} has neither a container nor a DAG."
            )
    return pods, dags


def _pod(template: Fields, volumes: Collection[str], sizes: Mapping[str, int | None]) -> PodTemplate:
    inputs = template.one("inputs", "inputs")
    outputs = template.one("outputs", "outputs")
    container = template.one("container", "container")
    declared = {_name(parameter): parameter for parameter in inputs.many("parameters", "parameter")}
    scope = _GLOBALS | {f"inputs.parameters.{name}" for name in declared}
    argv = container.texts("command") + container.texts("args")
    env = {entry.text("name"): entry.text("value", "") for entry in container.many("env", "env")}
    _check_tags(argv, scope, container.at("args"))
    _check_tags(env.values(), scope, container.at("env"))
    if not container.texts("command"):
        raise ManifestError(
            f"{container.at('command')}: missing; the image's own entrypoint is not known here."
        )
    mounts = tuple(_mount(mount, volumes, scope) for mount in container.many("volumeMounts", "mount"))
    found = PodTemplate(
        name=template.text("name"),
        image=container.text("image"),
        argv=argv,
        env=env,
        parameters=tuple(declared),
        defaults=dict(_defaults(declared)),
        mounts=mounts,
        inputs=tuple(_input(artifact, scope) for artifact in inputs.many("artifacts", "artifact")),
        outputs=tuple(_output(artifact, scope) for artifact in outputs.many("artifacts", "artifact")),
        output_parameters=tuple(_output_parameter(p) for p in outputs.many("parameters", "parameter")),
        retry=_retry(template.one("retryStrategy", "retry")) if "retryStrategy" in template else None,
        deadline=template.number("activeDeadlineSeconds"),
        limits=_limits(container, mounts, sizes),
        network=_network(template.one("metadata", "metadata")),
        addresses=_addresses(template.one("metadata", "metadata")),
    )
    _check_outputs(found, outputs)
    return found


def _limits(container: Fields, mounts: Iterable[VolumeMount], sizes: Mapping[str, int | None]) -> Limits:
    """What a pod may have; its scratch is the empty directory it has as /tmp."""
    resources = container.one("resources", "resources")
    memory = resources.mapping("limits").get("memory", "")
    scratch = [sizes.get(mount.volume) for mount in mounts if mount.path == "/tmp"]  # noqa: S108
    return Limits(
        memory=_bytes(memory, resources.at("limits.memory")), scratch=scratch[0] if scratch else None
    )


def _network(metadata: Fields) -> str:
    """What a pod may use a network for; workflows of an earlier version do not say, and fetch inputs."""
    purpose = metadata.mapping("labels").get(NETWORK_LABEL, "inputs")
    if purpose not in NETWORK_PURPOSES:
        raise ManifestError(
            f"{metadata.at('labels')}: {NETWORK_LABEL} {purpose!r} is none of {', '.join(NETWORK_PURPOSES)}."
        )
    return purpose


def _addresses(metadata: Fields) -> tuple[str, ...]:
    """What commands may reach besides public addresses."""
    text = metadata.mapping("annotations").get(ADDRESSES_ANNOTATION, "")
    addresses = tuple(text.split())
    if len(addresses) > MAX_ADDRESSES or not all(map(is_address, addresses)):
        raise ManifestError(
            f"{metadata.at('annotations')}: {ADDRESSES_ANNOTATION} {text!r} is not at most {MAX_ADDRESSES} "
            "addresses, each with its port, in numbers."
        )
    return addresses


def _check_outputs(template: PodTemplate, fields: Fields) -> None:
    """Refuse outputs that nobody could read once the container is gone; optional ones are files."""
    paths = [output.path for output in template.outputs if not output.optional]
    for path in [*paths, *(parameter.path for parameter in template.output_parameters)]:
        if not template.is_mounted(path):
            raise ManifestError(f"{fields.at('path')}: {path} is on no volume of the container.")
    for output in template.outputs:
        if output.optional and template.is_mounted(output.path):
            raise ManifestError(f"{fields.at('path')}: {output.path} is optional and on a volume.")


def _defaults(declared: dict[str, Fields]) -> Iterator[tuple[str, str]]:
    for name, parameter in declared.items():
        for key in ("value", "default"):
            if key in parameter:
                yield name, parameter.text(key)
                break


def _mount(mount: Fields, volumes: Collection[str], scope: Collection[str]) -> VolumeMount:
    volume = mount.text("name")
    if volume not in volumes:
        raise ManifestError(f"{mount.at('name')}: spec.volumes has no {volume!r}.")
    sub_path = mount.text("subPath", "")
    _check_tags([sub_path], scope, mount.at("subPath"))
    if sub_path.startswith("/") or ".." in PurePosixPath(sub_path).parts:
        raise ManifestError(f"{mount.at('subPath')}: {sub_path!r} leads out of the volume.")
    return VolumeMount(volume, _path(mount, "mountPath"), sub_path, mount.flag("readOnly", False))


def _input(artifact: Fields, scope: Collection[str]) -> InputArtifact:
    return InputArtifact(
        name=_name(artifact),
        path=_path(artifact, "path"),
        key=_key(artifact, scope),
        unpacked="none" not in artifact.one("archive", "archive"),
    )


def _output(artifact: Fields, scope: Collection[str]) -> OutputArtifact:
    if "none" not in artifact.one("archive", "archive"):
        raise ManifestError(
            f"{artifact.at('archive')}: output artifacts are kept as they are; set `none: {{}}`."
        )
    optional = artifact.flag("optional", False)
    return OutputArtifact(_name(artifact), _path(artifact, "path"), _key(artifact, scope), optional)


def _output_parameter(parameter: Fields) -> OutputParameter:
    source = parameter.one("valueFrom", "valueFrom")
    default = source.text("default") if "default" in source else None
    return OutputParameter(_name(parameter), _path(source, "path"), default)


def _key(artifact: Fields, scope: Collection[str]) -> str:
    key = artifact.one("s3", "s3").text("key")
    _check_tags([key], scope, artifact.at("s3.key"))
    return check_key(key)


def _retry(fields: Fields) -> Retry:
    expression = fields.text("expression", "")
    if expression not in {"", RETRY_EXPRESSION, *EARLIER_EXPRESSIONS}:
        raise ManifestError(f"{fields.at('expression')}: only the compiler's own expression is supported.")
    policy = fields.text("retryPolicy", "Always" if expression else "OnFailure")
    if policy not in _POLICIES:
        raise ManifestError(f"{fields.at('retryPolicy')}: {policy!r} is none of {', '.join(_POLICIES)}.")
    backoff = fields.one("backoff", "backoff")
    return Retry(
        limit=fields.number("limit"),
        policy=policy,
        selective=bool(expression),
        backoff=Backoff(
            duration=_seconds(backoff, "duration"),
            factor=backoff.number("factor") or 1,
            cap=_seconds(backoff, "cap") if "cap" in backoff else None,
        ),
    )


def _seconds(fields: Fields, key: str) -> float:
    match = _DURATION.fullmatch(fields.text(key, "0"))
    if match is None:
        raise ManifestError(f"{fields.at(key)}: expected a time such as 10s or 2m, got {fields.text(key)!r}.")
    return float(match[1]) * _UNITS[match[2]]


def _tasks(dag: Fields, templates: dict[str, PodTemplate]) -> tuple[Task, ...]:
    tasks = {_name(task): (_task(task, templates), task) for task in dag.many("tasks", "task")}
    for task, fields in tasks.values():
        for dependency in task.dependencies:
            if dependency not in tasks:
                raise ManifestError(f"{fields.at('depends')}: there is no task {dependency!r}.")
    try:
        order = TopologicalSorter({name: task.dependencies for name, (task, _) in tasks.items()})
        return tuple(tasks[name][0] for name in order.static_order())
    except CycleError as exc:
        raise ManifestError(
            f"{dag.at('tasks')}: tasks wait for each other: {' → '.join(exc.args[1])}."
        ) from exc


def _task(task: Fields, templates: dict[str, PodTemplate]) -> Task:
    template = task.text("template", "")
    if template not in templates:
        raise ManifestError(f"{task.at('template')}: {template!r} is not the name of a container template.")
    depends = task.text("depends", "")
    dependencies = task.texts("dependencies") + tuple(part.strip() for part in depends.split("&&") if depends)
    if not all(_NAME.fullmatch(name) for name in dependencies):
        raise ManifestError(
            f"{task.at('depends')}: only names of tasks joined by && are supported, got {depends!r}."
        )
    arguments = {
        _name(parameter): parameter.text("value")
        for parameter in task.one("arguments", "arguments").many("parameters", "parameter")
    }
    missing = set(templates[template].parameters) - set(arguments) - set(templates[template].defaults)
    if missing:
        raise ManifestError(
            f"{task.at('arguments')}: template {template!r} needs {', '.join(sorted(missing))}."
        )
    sequence = task.one("withSequence", "sequence") if "withSequence" in task else None
    found = Task(
        name=task.text("name"),
        template=template,
        dependencies=dependencies,
        arguments=arguments,
        sequence=(sequence.text("start", "0"), sequence.text("count")) if sequence else None,
        param=task.text("withParam") if "withParam" in task else None,
    )
    _check_task_tags(found, task)
    return found


def _check_task_tags(task: Task, fields: Fields) -> None:
    scope = set(_GLOBALS)
    expandable = [*(task.sequence or ()), *([task.param] if task.param else [])]
    texts = [*expandable, *task.arguments.values()]
    outputs = rf"tasks\.({'|'.join(map(re.escape, task.dependencies))})\.outputs\.parameters\.[-\w]+"
    scope.update(tag for text in texts for tag in tags(text) if re.fullmatch(outputs, tag))
    _check_tags(expandable, scope, fields.at("withParam"))
    _check_tags(
        task.arguments.values(), scope | ({"item"} if task.fans_out else set()), fields.at("arguments")
    )


def _check_tags(texts: Iterable[str], scope: Collection[str], where: str) -> None:
    for text in texts:
        for tag in tags(text):
            if tag not in scope:
                raise ManifestError(
                    f"{where}: {{{{{tag}}}}} is not supported by the engine of the local stack."
                )


def _name(fields: Fields) -> str:
    name = fields.text("name", "")
    if not _NAME.fullmatch(name):
        raise ManifestError(f"{fields.at('name')}: {name!r} is not a name.")
    return name


def _path(fields: Fields, key: str) -> str:
    path = fields.text(key, "")
    if not path.startswith("/") or ".." in PurePosixPath(path).parts or path == "/":
        raise ManifestError(f"{fields.at(key)}: {path!r} is not an absolute path below /.")
    return str(PurePosixPath(path))
