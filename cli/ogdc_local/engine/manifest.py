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

from ogdc_local.engine import spec as argo
from ogdc_local.engine.conversion import ManifestError, read_workflow
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
_DIGITS = 15
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
    workflow = read_workflow(manifest)
    if workflow.kind not in {None, "Workflow"}:
        raise ManifestError(f"kind: expected Workflow, got {workflow.kind!r}.")
    name = workflow.metadata and workflow.metadata.name
    if not name or not is_workflow_name(name):
        raise ManifestError(f"metadata.name: {name!r} is not a DNS label of at most 63 characters.")
    spec = workflow.spec or argo.Spec()
    if spec.pod_spec_patch not in {None, "", POD_SPEC_PATCH}:
        raise ManifestError("spec.podSpecPatch: only the compiler's own patch is supported.")
    volumes = dict(_volumes(spec, claims))
    templates, dags = _templates(spec, volumes, dict(_sizes(spec)))
    if spec.entrypoint is None or spec.entrypoint not in dags:
        raise ManifestError(f"spec.entrypoint: {spec.entrypoint!r} is not the name of a DAG template.")
    dag, where = dags[spec.entrypoint]
    return Program(
        name=name,
        entrypoint=spec.entrypoint,
        tasks=_tasks(dag, templates, where),
        fail_fast=dag.fail_fast is not False,
        templates=templates,
        claims=volumes,
        secrets={each.name: each.secret.secret_name for each in spec.volumes or () if each.secret},
        parallelism=_whole(spec.parallelism, "spec.parallelism"),
        deadline=_whole(spec.active_deadline_seconds, "spec.activeDeadlineSeconds"),
        ttl=_ttl(spec.ttl_strategy or argo.TtlStrategy()),
    )


def _ttl(strategy: argo.TtlStrategy) -> Ttl:
    where = "spec.ttlStrategy"
    either = _whole(strategy.seconds_after_completion, f"{where}.secondsAfterCompletion")
    success = _whole(strategy.seconds_after_success, f"{where}.secondsAfterSuccess")
    failure = _whole(strategy.seconds_after_failure, f"{where}.secondsAfterFailure")
    return Ttl(success=either if success is None else success, failure=either if failure is None else failure)


def _volumes(spec: argo.Spec, claims: Collection[str]) -> Iterator[tuple[str, str | None]]:
    for index, volume in enumerate(spec.volumes or ()):
        mounted = volume.persistent_volume_claim
        claim = None if mounted is None else mounted.claim_name
        if claim is not None and claim not in claims:
            raise ManifestError(
                f"spec.volumes[{index}].persistentVolumeClaim.claimName: there is no claim {claim!r} in the "
                f"local stack; it has {', '.join(sorted(claims))}."
            )
        yield volume.name, claim


def _sizes(spec: argo.Spec) -> Iterator[tuple[str, int | None]]:
    """The most bytes that each empty directory may hold."""
    for index, volume in enumerate(spec.volumes or ()):
        limit = None if volume.empty_dir is None else volume.empty_dir.size_limit
        yield volume.name, _bytes(limit, f"spec.volumes[{index}].emptyDir.sizeLimit")


def _bytes(text: str | int | None, where: str) -> int | None:
    try:
        return amount(str(text)) if text else None
    except ValueError as exc:
        raise ManifestError(f"{where}: {text!r} {exc}") from exc


def _templates(
    spec: argo.Spec, volumes: Collection[str], sizes: Mapping[str, int | None]
) -> tuple[dict[str, PodTemplate], dict[str, tuple[argo.Dag, str]]]:
    pods: dict[str, PodTemplate] = {}
    dags: dict[str, tuple[argo.Dag, str]] = {}
    for index, template in enumerate(spec.templates or ()):
        where = f"spec.templates[{index}]"
        name = _name(template.name, where)
        if name in pods or name in dags:
            raise ManifestError(f"{where}.name: two templates are named {name!r}.")
        if template.dag:
            dags[name] = template.dag, f"{where}.dag"
        elif template.container:
            pods[name] = _pod(template, template.container, volumes, sizes, where)
        else:
            raise ManifestError(f"{where}.name: template {name!r} has neither a container nor a DAG.")
    return pods, dags


def _pod(
    template: argo.Template,
    container: argo.Container,
    volumes: Collection[str],
    sizes: Mapping[str, int | None],
    where: str,
) -> PodTemplate:
    inputs, outputs = template.inputs or argo.Ports(), template.outputs or argo.Ports()
    declared = {_name(each.name, f"{where}.inputs.parameters"): each for each in inputs.parameters or ()}
    scope = _GLOBALS | {f"inputs.parameters.{name}" for name in declared}
    argv = (*(container.command or ()), *(container.args or ()))
    env = {each.name: str(each.value or "") for each in container.env or ()}
    _check_tags(argv, scope, f"{where}.container.args")
    _check_tags(env.values(), scope, f"{where}.container.env")
    if not container.command:
        raise ManifestError(
            f"{where}.container.command: missing; the image's own entrypoint is not known here."
        )
    mounts = tuple(
        _mount(mount, volumes, scope, f"{where}.container.volumeMounts[{index}]")
        for index, mount in enumerate(container.volume_mounts or ())
    )
    metadata = template.metadata or argo.PodMetadata()
    found = PodTemplate(
        name=_name(template.name, where),
        image=container.image,
        argv=argv,
        env=env,
        parameters=tuple(declared),
        defaults=dict(_defaults(declared)),
        mounts=mounts,
        inputs=tuple(
            _input(each, scope, f"{where}.inputs.artifacts[{index}]")
            for index, each in enumerate(inputs.artifacts or ())
        ),
        outputs=tuple(
            _output(each, scope, f"{where}.outputs.artifacts[{index}]")
            for index, each in enumerate(outputs.artifacts or ())
        ),
        output_parameters=tuple(
            _output_parameter(each, f"{where}.outputs.parameters[{index}]")
            for index, each in enumerate(outputs.parameters or ())
        ),
        retry=_retry(template.retry_strategy, f"{where}.retryStrategy") if template.retry_strategy else None,
        deadline=_whole(template.active_deadline_seconds, f"{where}.activeDeadlineSeconds"),
        limits=_limits(container.resources or argo.Resources(), mounts, sizes, f"{where}.container"),
        network=_network(metadata, f"{where}.metadata"),
        addresses=_addresses(metadata, f"{where}.metadata"),
    )
    _check_outputs(found, f"{where}.outputs")
    return found


def _limits(
    resources: argo.Resources, mounts: Iterable[VolumeMount], sizes: Mapping[str, int | None], where: str
) -> Limits:
    """What a pod may have; its scratch is the empty directory it has as /tmp."""
    memory = (resources.limits or {}).get("memory")
    scratch = [sizes.get(mount.volume) for mount in mounts if mount.path == "/tmp"]  # noqa: S108
    return Limits(
        memory=_bytes(memory, f"{where}.resources.limits.memory"), scratch=scratch[0] if scratch else None
    )


def _network(metadata: argo.PodMetadata, where: str) -> str:
    """What a pod may use a network for; workflows of an earlier version do not say, and fetch inputs."""
    purpose = (metadata.labels or {}).get(NETWORK_LABEL, "inputs")
    if purpose not in NETWORK_PURPOSES:
        raise ManifestError(
            f"{where}.labels: {NETWORK_LABEL} {purpose!r} is none of {', '.join(NETWORK_PURPOSES)}."
        )
    return purpose


def _addresses(metadata: argo.PodMetadata, where: str) -> tuple[str, ...]:
    """What commands may reach besides public addresses."""
    text = (metadata.annotations or {}).get(ADDRESSES_ANNOTATION, "")
    addresses = tuple(text.split())
    if len(addresses) > MAX_ADDRESSES or not all(map(is_address, addresses)):
        raise ManifestError(
            f"{where}.annotations: {ADDRESSES_ANNOTATION} {text!r} is not at most {MAX_ADDRESSES} "
            "addresses, each with its port, in numbers."
        )
    return addresses


def _check_outputs(template: PodTemplate, where: str) -> None:
    """Refuse outputs that nobody could read once the container is gone; optional ones are files."""
    paths = [output.path for output in template.outputs if not output.optional]
    for path in [*paths, *(parameter.path for parameter in template.output_parameters)]:
        if not template.is_mounted(path):
            raise ManifestError(f"{where}.path: {path} is on no volume of the container.")
    for output in template.outputs:
        if output.optional and template.is_mounted(output.path):
            raise ManifestError(f"{where}.path: {output.path} is optional and on a volume.")


def _defaults(declared: Mapping[str, argo.Parameter]) -> Iterator[tuple[str, str]]:
    for name, parameter in declared.items():
        value = parameter.default if parameter.value is None else parameter.value
        if value is not None:
            yield name, str(value)


def _mount(mount: argo.Mount, volumes: Collection[str], scope: Collection[str], where: str) -> VolumeMount:
    if mount.name not in volumes:
        raise ManifestError(f"{where}.name: spec.volumes has no {mount.name!r}.")
    sub_path = mount.sub_path or ""
    _check_tags([sub_path], scope, f"{where}.subPath")
    if sub_path.startswith("/") or ".." in PurePosixPath(sub_path).parts:
        raise ManifestError(f"{where}.subPath: {sub_path!r} leads out of the volume.")
    path = _path(mount.mount_path, f"{where}.mountPath")
    return VolumeMount(mount.name, path, sub_path, bool(mount.read_only))


def _input(artifact: argo.Artifact, scope: Collection[str], where: str) -> InputArtifact:
    return InputArtifact(
        name=_name(artifact.name, where),
        path=_path(artifact.path, f"{where}.path"),
        key=_key(artifact, scope, where),
        unpacked=artifact.archive is None or artifact.archive.none is None,
    )


def _output(artifact: argo.Artifact, scope: Collection[str], where: str) -> OutputArtifact:
    if artifact.archive is None or artifact.archive.none is None:
        raise ManifestError(f"{where}.archive: output artifacts are kept as they are; set `none: {{}}`.")
    return OutputArtifact(
        _name(artifact.name, where),
        _path(artifact.path, f"{where}.path"),
        _key(artifact, scope, where),
        bool(artifact.optional),
    )


def _output_parameter(parameter: argo.Parameter, where: str) -> OutputParameter:
    source = parameter.value_from or argo.ValueFrom()
    default = None if source.default is None else str(source.default)
    return OutputParameter(
        _name(parameter.name, where), _path(source.path, f"{where}.valueFrom.path"), default
    )


def _key(artifact: argo.Artifact, scope: Collection[str], where: str) -> str:
    if artifact.s3 is None:
        raise ManifestError(f"{where}.s3: missing.")
    _check_tags([artifact.s3.key], scope, f"{where}.s3.key")
    return check_key(artifact.s3.key)


def _retry(strategy: argo.RetryStrategy, where: str) -> Retry:
    expression = strategy.expression or ""
    if expression not in {"", RETRY_EXPRESSION, *EARLIER_EXPRESSIONS}:
        raise ManifestError(f"{where}.expression: only the compiler's own expression is supported.")
    policy = strategy.retry_policy or ("Always" if expression else "OnFailure")
    if policy not in _POLICIES:
        raise ManifestError(f"{where}.retryPolicy: {policy!r} is none of {', '.join(_POLICIES)}.")
    backoff = strategy.backoff or argo.Backoff()
    return Retry(
        limit=_whole(strategy.limit, f"{where}.limit"),
        policy=policy,
        selective=bool(expression),
        backoff=Backoff(
            duration=_seconds(backoff.duration, f"{where}.backoff.duration") or 0.0,
            factor=_whole(backoff.factor, f"{where}.backoff.factor") or 1,
            cap=_seconds(backoff.cap, f"{where}.backoff.cap"),
        ),
    )


def _seconds(text: str | int | None, where: str) -> float | None:
    if text is None:
        return None
    match = _DURATION.fullmatch(str(text))
    if match is None:
        raise ManifestError(f"{where}: expected a time such as 10s or 2m, got {text!r}.")
    return float(match[1]) * _UNITS[match[2]]


def _tasks(dag: argo.Dag, templates: dict[str, PodTemplate], where: str) -> tuple[Task, ...]:
    places = {
        _name(task.name, f"{where}.tasks[{index}]"): (task, f"{where}.tasks[{index}]")
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
    if not all(_NAME.fullmatch(each) for each in dependencies):
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
    found = Task(
        name=name,
        template=template.name,
        dependencies=dependencies,
        arguments=arguments,
        sequence=None if sequence is None else (str(sequence.start or 0), str(sequence.count)),
    )
    _check_task_tags(found, where)
    return found


def _arguments(arguments: argo.Arguments, where: str) -> Iterator[tuple[str, str]]:
    for index, parameter in enumerate(arguments.parameters or ()):
        place = f"{where}.parameters[{index}]"
        if parameter.value is None:
            raise ManifestError(f"{place}.value: missing.")
        yield _name(parameter.name, place), str(parameter.value)


def _check_task_tags(task: Task, where: str) -> None:
    scope = set(_GLOBALS)
    texts = [*(task.sequence or ()), *task.arguments.values()]
    outputs = rf"tasks\.({'|'.join(map(re.escape, task.dependencies))})\.outputs\.parameters\.[-\w]+"
    scope.update(tag for text in texts for tag in tags(text) if re.fullmatch(outputs, tag))
    _check_tags(task.sequence or (), scope, f"{where}.withSequence")
    _check_tags(task.arguments.values(), scope | ({"item"} if task.sequence else set()), f"{where}.arguments")


def _check_tags(texts: Iterable[str], scope: Collection[str], where: str) -> None:
    for text in texts:
        for tag in tags(text):
            if tag not in scope:
                raise ManifestError(
                    f"{where}: {{{{{tag}}}}} is not supported by the engine of the local stack."
                )


def _whole(value: str | int | None, where: str) -> int | None:
    """A whole number of at least 0, also where written as text; None where there is none."""
    text = "" if value is None else str(value)
    if value is not None and not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise ManifestError(f"{where}: expected a whole number of at least 0, got {value!r}.")
    return int(text) if text else None


def _name(name: str | None, where: str) -> str:
    if name is None or not _NAME.fullmatch(name):
        raise ManifestError(f"{where}.name: {name!r} is not a name.")
    return name


def _path(path: str | None, where: str) -> str:
    if not path or not path.startswith("/") or ".." in PurePosixPath(path).parts or path == "/":
        raise ManifestError(f"{where}: {path!r} is not an absolute path below /.")
    return str(PurePosixPath(path))
