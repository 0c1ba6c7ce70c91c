"""Container templates: command, mounts, inputs, outputs, limits and retries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from ogdc_local.engine import spec as argo
from ogdc_local.engine.conversion import ManifestError
from ogdc_local.engine.guard import Limits
from ogdc_local.engine.manifest_values import (
    GLOBALS,
    absolute_path,
    byte_count,
    check_tags,
    checked_name,
    duration,
    whole_number,
)
from ogdc_local.engine.program import (
    Backoff,
    InputArtifact,
    OutputArtifact,
    OutputParameter,
    PodTemplate,
    Retry,
    VolumeMount,
)
from ogdc_shared.argo.retry import EARLIER_EXPRESSIONS, RETRY_EXPRESSION
from ogdc_shared.recipe.network import MAX_ADDRESSES
from ogdc_shared.storage.store import check_key
from ogdc_shared.workflow.facts import (
    ADDRESSES_ANNOTATION,
    NETWORK_LABEL,
    NETWORK_PURPOSES,
    is_address,
)

_A = TypeVar("_A")
_B = TypeVar("_B")
_POLICIES = ("Always", "OnFailure", "OnError", "OnTransientError")


def read_template(
    template: argo.Template,
    container: argo.Container,
    volumes: Collection[str],
    sizes: Mapping[str, int | None],
    where: str,
) -> PodTemplate:
    """Read a container template.

    Args:
        template: The whole template.
        container: Its container.
        volumes: Names of the workflow's volumes.
        sizes: Size limit of each emptyDir in bytes, or None if unlimited.
        where: Path of the template in the manifest, for messages.

    Raises:
        ManifestError: it uses something that the engine does not support.
    """
    inputs, outputs = template.inputs or argo.Ports(), template.outputs or argo.Ports()
    declared = {
        checked_name(each.name, f"{where}.inputs.parameters"): each for each in inputs.parameters or ()
    }
    scope = GLOBALS | {f"inputs.parameters.{name}" for name in declared}
    argv = (*(container.command or ()), *(container.args or ()))
    env = {each.name: str(each.value or "") for each in container.env or ()}
    check_tags(argv, scope, f"{where}.container.args")
    check_tags(env.values(), scope, f"{where}.container.env")
    if not container.command:
        raise ManifestError(
            f"{where}.container.command: missing; the image's own entrypoint is not known here."
        )
    mounts = _each(
        container.volume_mounts,
        lambda mount, at: _mount(mount, volumes, scope, at),
        f"{where}.container.volumeMounts",
    )
    metadata = template.metadata or argo.PodMetadata()
    found = PodTemplate(
        name=checked_name(template.name, where),
        image=container.image,
        argv=argv,
        env=env,
        parameters=tuple(declared),
        defaults=dict(_defaults(declared)),
        mounts=mounts,
        inputs=_each(inputs.artifacts, lambda each, at: _input(each, scope, at), f"{where}.inputs.artifacts"),
        outputs=_each(
            outputs.artifacts, lambda each, at: _output(each, scope, at), f"{where}.outputs.artifacts"
        ),
        output_parameters=_each(outputs.parameters, _output_parameter, f"{where}.outputs.parameters"),
        retry=_retry(template.retry_strategy, f"{where}.retryStrategy") if template.retry_strategy else None,
        deadline=whole_number(template.active_deadline_seconds, f"{where}.activeDeadlineSeconds"),
        limits=_limits(container.resources or argo.Resources(), mounts, sizes, f"{where}.container"),
        network=_network(metadata, f"{where}.metadata"),
        addresses=_addresses(metadata, f"{where}.metadata"),
    )
    _check_outputs(found, f"{where}.outputs")
    return found


def _each(found: Sequence[_A] | None, read: Callable[[_A, str], _B], where: str) -> tuple[_B, ...]:
    return tuple(read(each, f"{where}[{index}]") for index, each in enumerate(found or ()))


def _defaults(declared: Mapping[str, argo.Parameter]) -> Iterator[tuple[str, str]]:
    for name, parameter in declared.items():
        value = parameter.default if parameter.value is None else parameter.value
        if value is not None:
            yield name, str(value)


def _limits(
    resources: argo.Resources, mounts: Iterable[VolumeMount], sizes: Mapping[str, int | None], where: str
) -> Limits:
    """Return a pod's limits; its scratch space is the emptyDir mounted at /tmp."""
    memory = (resources.limits or {}).get("memory")
    scratch = [sizes.get(mount.volume) for mount in mounts if mount.path == "/tmp"]  # noqa: S108
    return Limits(
        memory=byte_count(memory, f"{where}.resources.limits.memory"), scratch=scratch[0] if scratch else None
    )


def _network(metadata: argo.PodMetadata, where: str) -> str:
    """Return what a pod may use the network for; templates of older versions lack the label."""
    purpose = (metadata.labels or {}).get(NETWORK_LABEL, "inputs")
    if purpose not in NETWORK_PURPOSES:
        raise ManifestError(
            f"{where}.labels: {NETWORK_LABEL} {purpose!r} is none of {', '.join(NETWORK_PURPOSES)}."
        )
    return purpose


def _addresses(metadata: argo.PodMetadata, where: str) -> tuple[str, ...]:
    """Return the non-public addresses that commands may reach."""
    text = (metadata.annotations or {}).get(ADDRESSES_ANNOTATION, "")
    addresses = tuple(text.split())
    if len(addresses) > MAX_ADDRESSES or not all(map(is_address, addresses)):
        raise ManifestError(
            f"{where}.annotations: {ADDRESSES_ANNOTATION} {text!r} is not at most {MAX_ADDRESSES} "
            "addresses, each with its port, in numbers."
        )
    return addresses


def _mount(mount: argo.Mount, volumes: Collection[str], scope: Collection[str], where: str) -> VolumeMount:
    if mount.name not in volumes:
        raise ManifestError(f"{where}.name: spec.volumes has no {mount.name!r}.")
    sub_path = mount.sub_path or ""
    check_tags([sub_path], scope, f"{where}.subPath")
    if sub_path.startswith("/") or ".." in sub_path.split("/"):
        raise ManifestError(f"{where}.subPath: {sub_path!r} leads out of the volume.")
    path = absolute_path(mount.mount_path, f"{where}.mountPath")
    return VolumeMount(mount.name, path, sub_path, bool(mount.read_only))


def _input(artifact: argo.Artifact, scope: Collection[str], where: str) -> InputArtifact:
    return InputArtifact(
        name=checked_name(artifact.name, where),
        path=absolute_path(artifact.path, f"{where}.path"),
        key=_key(artifact, scope, where),
        unpacked=artifact.archive is None or artifact.archive.none is None,
        optional=bool(artifact.optional),
    )


def _output(artifact: argo.Artifact, scope: Collection[str], where: str) -> OutputArtifact:
    if artifact.archive is None or artifact.archive.none is None:
        raise ManifestError(f"{where}.archive: output artifacts are kept as they are; set `none: {{}}`.")
    return OutputArtifact(
        checked_name(artifact.name, where),
        absolute_path(artifact.path, f"{where}.path"),
        _key(artifact, scope, where),
        bool(artifact.optional),
    )


def _output_parameter(parameter: argo.Parameter, where: str) -> OutputParameter:
    source = parameter.value_from or argo.ValueFrom()
    default = None if source.default is None else str(source.default)
    return OutputParameter(
        checked_name(parameter.name, where), absolute_path(source.path, f"{where}.valueFrom.path"), default
    )


def _key(artifact: argo.Artifact, scope: Collection[str], where: str) -> str:
    if artifact.s3 is None:
        raise ManifestError(f"{where}.s3: missing.")
    check_tags([artifact.s3.key], scope, f"{where}.s3.key")
    return check_key(artifact.s3.key)


def _check_outputs(template: PodTemplate, where: str) -> None:
    """Reject outputs that cannot be read after the container is gone. Optional ones are separate files."""
    paths = [output.path for output in template.outputs if not output.optional]
    for path in [*paths, *(parameter.path for parameter in template.output_parameters)]:
        if not template.is_mounted(path):
            raise ManifestError(f"{where}.path: {path} is on no volume of the container.")
    for output in template.outputs:
        if output.optional and template.is_mounted(output.path):
            raise ManifestError(f"{where}.path: {output.path} is optional and on a volume.")


def _retry(strategy: argo.RetryStrategy, where: str) -> Retry:
    expression = strategy.expression or ""
    if expression not in {"", RETRY_EXPRESSION, *EARLIER_EXPRESSIONS}:
        raise ManifestError(f"{where}.expression: only the compiler's own expression is supported.")
    policy = strategy.retry_policy or ("Always" if expression else "OnFailure")
    if policy not in _POLICIES:
        raise ManifestError(f"{where}.retryPolicy: {policy!r} is not one of {', '.join(_POLICIES)}.")
    backoff = strategy.backoff or argo.Backoff()
    return Retry(
        limit=whole_number(strategy.limit, f"{where}.limit"),
        policy=policy,
        selective=bool(expression),
        backoff=Backoff(
            duration=duration(backoff.duration, f"{where}.backoff.duration") or 0.0,
            factor=whole_number(backoff.factor, f"{where}.backoff.factor") or 1,
            cap=duration(backoff.cap, f"{where}.backoff.cap"),
        ),
    )
