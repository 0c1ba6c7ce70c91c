"""Recipe → Argo workflow: its stages, each for every one of its partitions, then `publish`.

Most recipes have one stage, `process`. Before a stage whose inputs only the run can see comes a `list`.

One shape for every recipe (docs/decisions/0003-one-workflow-shape.md). The manifest holds validated ids,
numbers and Kubernetes quantities; what a user wrote travels in the artifacts, so nothing in a recipe can be
expanded by Argo's templating. Hera's generated models check every field; hera is imported in this module, in
`templates`, `artifacts` and `volumes` alone, and of hera nothing that reads its `global_config`.

Building and checking the models takes a millisecond, and most runs differ only in names and digests. So
manifests are built with placeholders for these, and kept as text (`_outline`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec

from ogdc_shared import layout
from ogdc_shared.argo.state import FAIL_FAST_LABEL, TRACE_ANNOTATION
from ogdc_shared.config import ArgoSettings, Settings
from ogdc_shared.oidc_settings import OidcSettings
from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.plan import REUSE_LABEL, SCOPE_LABEL
from ogdc_shared.telemetry.tracing import Trace, read_trace
from ogdc_shared.workflow import templates
from ogdc_shared.workflow.facts import RecipeFacts, Stage, check_facts
from ogdc_shared.workflow.hera_models import m
from ogdc_shared.workflow.names import is_workflow_name
from ogdc_shared.workflow.pods import POD_SPEC_PATCH
from ogdc_shared.workflow.volumes import volumes

__all__ = ["RecipeFacts", "Stage", "build_workflow"]

_DAY = 86_400
_OUTLINES = 64
"""How many are kept, 7 KB each."""
_OWN = ("recipe_id", "snapshot", "plan", "partitions_digest", "reuse", "reuse_label")
"""Facts that are copied into a workflow and have no other effect on it."""
_PLACEHOLDER = re.compile(rf"<({'|'.join(_OWN)}|name|trace)>")


def build_workflow(
    *,
    name: str,
    recipe: RecipeFacts,
    partitions: int | None,
    settings: Settings,
    overwrite: bool = False,
    trace: Trace | None = None,
) -> dict[str, Any]:
    """Build the manifest of a run's Workflow, as plain data ready for JSON.

    Its size does not depend on the number of partitions.

    Args:
        name: The run's name (see `names.workflow_name`).
        recipe: The facts that the workflow depends on.
        partitions: Number of partitions, which are stored in packs of `recipe.per_pack`. None if the inputs
            are on volumes, so that the task `list` finds and divides them.
        settings: The deployment's settings.
        overwrite: Whether published data of the same recipe are replaced.
        trace: Trace of the submission, which the run's events carry. Only its ids are used, since the rest of
            a trace context is untrusted text.

    Raises:
        InvalidRecipeError: a fact is malformed (see `facts.check_facts`).
        ValueError: the name or trace is malformed, or there are no partitions or too much to list.
    """
    _check(name, recipe, partitions, trace)
    own = {field: getattr(recipe, field) for field in _OWN} | {"name": name, "trace": trace and trace.parent}
    placeholders: dict[str, Any] = {field: f"<{field}>" for field in _OWN if own[field] is not None}
    outline = _outline(
        recipe._replace(**placeholders),
        partitions=partitions,
        settings=settings._replace(oidc=OidcSettings()),  # no part of workflows, and not hashable
        overwrite=overwrite,
        is_traced=trace is not None,
    )
    manifest: dict[str, Any] = msgspec.json.decode(_PLACEHOLDER.sub(lambda found: own[found[1]], outline))
    return manifest


@lru_cache(_OUTLINES)
def _outline(
    recipe: RecipeFacts, *, partitions: int | None, settings: Settings, overwrite: bool, is_traced: bool
) -> str:
    """Build a workflow as JSON, with placeholders for its name, its trace and the facts in `_OWN`."""
    name = "<name>"
    facts: templates.Facts = {"name": name, "recipe": recipe, "settings": settings}
    workflow = m.Workflow(
        api_version="argoproj.io/v1alpha1",
        kind="Workflow",
        metadata=m.ObjectMeta(
            name=name,
            namespace=settings.argo.namespace,
            labels=_labels(name, recipe, fans_out=partitions != 1 or bool(recipe.later)),
            annotations={TRACE_ANNOTATION: "<trace>"} if is_traced else None,
        ),
        spec=m.WorkflowSpec(
            entrypoint="main",
            templates=[
                _main(recipe, partitions=partitions),
                *chain.from_iterable(_stage_templates(stage, facts) for stage in recipe.stages),
                templates.publish_template(**facts, overwrite=overwrite),
            ],
            volumes=volumes(recipe, settings),
            parallelism=_parallelism(recipe, settings),
            active_deadline_seconds=recipe.timeout or settings.worker.timeout,
            ttl_strategy=m.TTLStrategy(
                seconds_after_success=_days_kept(recipe, settings) * _DAY,
                seconds_after_failure=settings.failed_run_days * _DAY,
            ),
            pod_gc=m.PodGC(strategy="OnWorkflowSuccess", delete_delay_duration="24h"),
            pod_spec_patch=POD_SPEC_PATCH,
            **_identity(settings.argo),
        ),
    )
    return msgspec.json.encode(workflow.model_dump(mode="json", by_alias=True, exclude_none=True)).decode()


def _check(name: str, recipe: RecipeFacts, partitions: int | None, trace: Trace | None) -> None:
    """Check the arguments of `build_workflow`."""
    check_facts(recipe)
    if trace is not None and read_trace(trace.parent) is None:
        raise ValueError(f"{trace.parent!r} is not a trace context.")
    if not is_workflow_name(name) or (partitions is not None and partitions < 1):
        raise ValueError(f"No workflow can be named {name!r} or have {partitions} partitions.")
    if (partitions is None) != bool(recipe.claims):
        raise ValueError(
            "Only inputs on volumes are listed by the workflow. All others must be listed before it is built."
        )
    if recipe.takes and recipe.reuse is None:
        raise ValueError("Reusing results needs a scope.")
    if recipe.later and recipe.allowed_failures is not None:
        raise ValueError("Failed items can only be counted in a workflow with one stage.")


def _labels(name: str, recipe: RecipeFacts, *, fans_out: bool) -> dict[str, str]:
    return {
        "ogdc/recipe-id": recipe.recipe_id,
        "ogdc/run": name,
        "ogdc/persist-workflow-in-archive": "true",
        **({REUSE_LABEL: recipe.reuse_label} if recipe.reuse_label else {}),
        **({SCOPE_LABEL: recipe.reuse} if recipe.reuse else {}),
    } | ({FAIL_FAST_LABEL: "true"} if recipe.fail_fast and fans_out else {})


def _identity(argo: ArgoSettings) -> dict[str, Any]:
    """Who the pods are: an ordinary user; only Argo's own containers get the service account's token."""
    return {
        "service_account_name": argo.service_account,
        "automount_service_account_token": False,
        "executor": m.ExecutorConfig(service_account_name=argo.service_account),
        "security_context": m.PodSecurityContext(
            run_as_non_root=True,
            run_as_user=1000,
            run_as_group=1000,
            fs_group=1000,
            fs_group_change_policy="OnRootMismatch",
            seccomp_profile=m.SeccompProfile(type="RuntimeDefault"),
        ),
    }


def _stage_templates(stage: Stage, facts: templates.Facts) -> Iterator[m.Template]:
    if templates.is_listed(stage, facts["recipe"]):
        yield templates.list_template(stage, **facts)
    if templates.takes(stage, facts["recipe"]):
        yield templates.reuse_template(stage, **facts)
    yield templates.stage_template(stage, **facts)


def _main(recipe: RecipeFacts, *, partitions: int | None) -> m.Template:
    """Build the DAG: each stage after the one before it, then `publish`, with their partitions' number."""
    tasks: list[m.DAGTask] = []
    counts: dict[str, str] = {}
    for stage in recipe.stages:
        counts[stage.name] = (
            _listed("partitions", stage) if templates.is_listed(stage, recipe) else str(partitions)
        )
        tasks += _stage_tasks(stage, recipe, count=counts[stage.name])
    *before, last = counts
    earlier = {templates.partitions_of(stage): counts[stage] for stage in before}
    publishing = m.DAGTask(
        name=layout.PUBLISH,
        template=layout.PUBLISH,
        depends=" && ".join(task.name for task in tasks),
        arguments=_arguments(partitions=counts[last], **earlier),
    )
    dag = m.DAGTemplate(tasks=[*tasks, publishing], fail_fast=None if recipe.fail_fast else False)
    return m.Template(name="main", dag=dag)


def _stage_tasks(stage: Stage, recipe: RecipeFacts, *, count: str) -> list[m.DAGTask]:
    """Build a stage's tasks, after the task that divides its inputs if the run does that."""
    listing: list[m.DAGTask] = []
    listed: dict[str, str] = {}
    if templates.is_listed(stage, recipe):
        name = layout.list_task(stage.name)
        listing = [m.DAGTask(name=name, template=name, depends=" && ".join(stage.after) or None)]
        listed = {what: _listed(what, stage) for what in (templates.DIGEST, templates.PER_PACK)}
    before = [*listing, *_reuse_task(stage, recipe, listing, listed)]
    left = f"{{{{tasks.{layout.REUSE_TASK}.outputs.parameters.{templates.LEFT}}}}}"
    over = {"with_param": left} if len(before) > len(listing) else {"with_sequence": m.Sequence(count=count)}
    processing = m.DAGTask(
        name=stage.name,
        template=stage.name,
        depends=" && ".join(task.name for task in before) or None,
        arguments=_arguments(partition="{{item}}", **listed),
        **over,
    )
    return [*before, processing]


def _reuse_task(
    stage: Stage, recipe: RecipeFacts, listing: list[m.DAGTask], listed: dict[str, str]
) -> Iterator[m.DAGTask]:
    """Build the task that looks for reusable results of a stage; the stage's tasks do the rest."""
    if templates.takes(stage, recipe):
        yield m.DAGTask(
            name=layout.REUSE_TASK,
            template=layout.REUSE_TASK,
            depends=listing[0].name if listing else None,
            arguments=_arguments(**{templates.DIGEST: listed[templates.DIGEST]}) if listed else None,
        )


def _listed(what: str, stage: Stage) -> str:
    """Refer to what the task that divides a stage's inputs puts out."""
    return f"{{{{tasks.{layout.list_task(stage.name)}.outputs.parameters.{what}}}}}"


def _arguments(**values: str) -> m.Arguments:
    return m.Arguments(parameters=[m.Parameter(name=name, value=value) for name, value in values.items()])


def _parallelism(recipe: RecipeFacts, settings: Settings) -> int:
    most = min(settings.worker.max_parallelism, settings.queue.tasks or settings.worker.max_parallelism)
    return min(recipe.max_parallelism or most, most)


def _days_kept(recipe: RecipeFacts, settings: Settings) -> int:
    return policy_of(recipe.output).days_kept(settings.temporary_output_days)
