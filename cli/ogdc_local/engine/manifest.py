"""Argo manifest → `Program`: the part of the Workflow API that `ogdc_shared.workflow.build` writes.

Everything in a manifest is either executed, or irrelevant on one machine, or rejected with its path. Nothing
is silently ignored.

Source: pkg/apis/workflow/v1alpha1/workflow_types.go of argo-workflows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ogdc_local.engine import spec as argo
from ogdc_local.engine.conversion import ManifestError, read_workflow
from ogdc_local.engine.manifest_tasks import read_tasks
from ogdc_local.engine.manifest_templates import read_template
from ogdc_local.engine.manifest_values import LABELS, byte_count, checked_name, whole_number
from ogdc_local.engine.program import PodTemplate, Program, Ttl
from ogdc_shared.workflow.names import is_workflow_name
from ogdc_shared.workflow.pods import POD_SPEC_PATCH


def read_program(manifest: object, *, claims: Collection[str]) -> Program:
    """Read a Workflow object.

    Args:
        manifest: Parsed JSON.
        claims: Names of the volume claims.

    Raises:
        ManifestError: it is not a Workflow, uses something that the engine does not support, or is
            inconsistent.
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
        tasks=read_tasks(dag, templates, where),
        fail_fast=dag.fail_fast is not False,
        templates=templates,
        claims=volumes,
        labels=_own_labels(workflow),
        secrets={each.name: each.secret.secret_name for each in spec.volumes or () if each.secret},
        parallelism=whole_number(spec.parallelism, "spec.parallelism"),
        deadline=whole_number(spec.active_deadline_seconds, "spec.activeDeadlineSeconds"),
        ttl=_ttl(spec.ttl_strategy or argo.TtlStrategy()),
    )


def _own_labels(workflow: argo.Workflow) -> dict[str, str]:
    labels = (workflow.metadata and workflow.metadata.labels) or {}
    return {label: value for label, value in labels.items() if label in LABELS}


def _ttl(strategy: argo.TtlStrategy) -> Ttl:
    where = "spec.ttlStrategy"
    either = whole_number(strategy.seconds_after_completion, f"{where}.secondsAfterCompletion")
    success = whole_number(strategy.seconds_after_success, f"{where}.secondsAfterSuccess")
    failure = whole_number(strategy.seconds_after_failure, f"{where}.secondsAfterFailure")
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
    """Yield each volume and the size limit of its emptyDir."""
    for index, volume in enumerate(spec.volumes or ()):
        limit = None if volume.empty_dir is None else volume.empty_dir.size_limit
        yield volume.name, byte_count(limit, f"spec.volumes[{index}].emptyDir.sizeLimit")


def _templates(
    spec: argo.Spec, volumes: Collection[str], sizes: Mapping[str, int | None]
) -> tuple[dict[str, PodTemplate], dict[str, tuple[argo.Dag, str]]]:
    pods: dict[str, PodTemplate] = {}
    dags: dict[str, tuple[argo.Dag, str]] = {}
    for index, template in enumerate(spec.templates or ()):
        where = f"spec.templates[{index}]"
        name = checked_name(template.name, where)
        if name in pods or name in dags:
            raise ManifestError(f"{where}.name: two templates are named {name!r}.")
        if template.dag:
            dags[name] = template.dag, f"{where}.dag"
        elif template.container:
            pods[name] = read_template(template, template.container, volumes, sizes, where)
        else:
            raise ManifestError(f"{where}.name: template {name!r} has neither a container nor a DAG.")
    return pods, dags
