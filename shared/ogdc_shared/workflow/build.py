"""Recipe → Argo workflow: `process` for every partition, then `publish`.

One shape for every recipe (docs/decisions/0003-one-workflow-shape.md). The manifest holds validated ids,
numbers and Kubernetes quantities; what a user wrote travels in the artifacts, so nothing in a recipe can be
expanded by Argo's templating. Hera's generated models check every field; hera is imported here alone, and of
hera nothing that reads its `global_config`.
"""

from __future__ import annotations

from typing import Any

from ogdc_shared import layout
from ogdc_shared.config import ArgoSettings, Settings, WorkerSettings
from ogdc_shared.imports import collection_paused
from ogdc_shared.workflow.facts import RecipeFacts, check_facts
from ogdc_shared.workflow.names import is_workflow_name
from ogdc_shared.workflow.retry import RETRY_EXPRESSION

with collection_paused():
    from hera.workflows import models as m

__all__ = ["RecipeFacts", "build_workflow"]

_PARTITION = "{{inputs.parameters.partition}}"
_DAY = 86_400


def build_workflow(
    *, name: str, recipe: RecipeFacts, partitions: int, settings: Settings, overwrite: bool = False
) -> dict[str, Any]:
    """Build the manifest of a run's Workflow, as plain data ready for JSON.

    Its size does not depend on the number of partitions.

    Args:
        name: The run's name (see `names.workflow_name`).
        recipe: What the workflow depends on.
        partitions: How many there are; their manifests are stored under `layout.partition_key`.
        settings: The deployment's.
        overwrite: Whether published data of the same recipe are replaced.

    Raises:
        InvalidRecipeError: a fact is not of its form (see `facts.check_facts`).
        ValueError: so is the name, or there is no partition.
    """
    check_facts(recipe)
    if not is_workflow_name(name) or partitions < 1:
        raise ValueError(f"No workflow can be named {name!r} or have {partitions} partitions.")
    workflow = m.Workflow(
        api_version="argoproj.io/v1alpha1",
        kind="Workflow",
        metadata=m.ObjectMeta(name=name, namespace=settings.argo.namespace, labels=_labels(name, recipe)),
        spec=m.WorkflowSpec(
            entrypoint="main",
            templates=[
                _main(partitions),
                _process(name=name, recipe=recipe, settings=settings),
                _publish(
                    name=name, recipe=recipe, partitions=partitions, settings=settings, overwrite=overwrite
                ),
            ],
            volumes=_volumes(recipe, settings.worker),
            parallelism=_parallelism(recipe, settings.worker),
            active_deadline_seconds=recipe.timeout or settings.worker.timeout,
            ttl_strategy=m.TTLStrategy(seconds_after_success=_days_kept(recipe, settings) * _DAY),
            pod_gc=m.PodGC(strategy="OnWorkflowSuccess", delete_delay_duration="24h"),
            archive_logs=True,
            **_identity(settings.argo),
        ),
    )
    return workflow.model_dump(mode="json", by_alias=True, exclude_none=True)


def _labels(name: str, recipe: RecipeFacts) -> dict[str, str]:
    return {
        "ogdc/recipe-id": recipe.recipe_id,
        "ogdc/run": name,
        "ogdc/persist-workflow-in-archive": "true",
    }


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


def _volumes(recipe: RecipeFacts, worker: WorkerSettings) -> list[m.Volume]:
    return [
        m.Volume(
            name="workflow",
            persistent_volume_claim=m.PersistentVolumeClaimVolumeSource(claim_name=worker.volume_claim),
        ),
        m.Volume(
            name="scratch", empty_dir=m.EmptyDirVolumeSource(size_limit=recipe.scratch or worker.scratch)
        ),
    ]


def _main(partitions: int) -> m.Template:
    return m.Template(
        name="main",
        dag=m.DAGTemplate(
            tasks=[
                m.DAGTask(
                    name="process",
                    template="process",
                    arguments=m.Arguments(parameters=[m.Parameter(name="partition", value="{{item}}")]),
                    with_sequence=m.Sequence(count=str(partitions)),
                ),
                m.DAGTask(name="publish", template="publish", depends="process"),
            ]
        ),
    )


def _process(*, name: str, recipe: RecipeFacts, settings: Settings) -> m.Template:
    workspace = layout.partition_workspace(name, _PARTITION)
    return m.Template(
        name="process",
        inputs=m.Inputs(
            parameters=[m.Parameter(name="partition")],
            artifacts=[
                _file("plan", path=layout.PLAN_PATH, key=layout.plan_key(name)),
                _file("partition", path=layout.PARTITION_PATH, key=layout.partition_key(name, _PARTITION)),
                _archive("recipe", path=layout.RECIPE_PATH, key=layout.snapshot_key(recipe.snapshot)),
            ],
        ),
        container=_container(
            arguments=["process"],
            mounts={
                layout.WORKFLOW_MOUNT: workspace,
                layout.INPUT_DIR: f"{workspace}/input_dir",
                layout.OUTPUT_DIR: f"{workspace}/output_dir",
            },
            cpu=recipe.cpu,
            memory=recipe.memory,
            scratch=recipe.scratch,
            worker=settings.worker,
        ),
        retry_strategy=_retry_strategy(recipe, settings.argo),
    )


def _publish(
    *, name: str, recipe: RecipeFacts, partitions: int, settings: Settings, overwrite: bool
) -> m.Template:
    return m.Template(
        name="publish",
        container=_container(
            arguments=[
                "publish",
                *("--run", name),
                *("--recipe-id", recipe.recipe_id),
                *("--partitions", str(partitions)),
                *("--output", recipe.output),
                *(["--overwrite"] if overwrite else []),
            ],
            mounts={layout.WORKFLOW_MOUNT: None},
            scratch=recipe.scratch,
            worker=settings.worker,
        ),
        outputs=_outputs(name, recipe),
        retry_strategy=_retry_strategy(recipe, settings.argo),
    )


def _outputs(name: str, recipe: RecipeFacts) -> m.Outputs | None:
    if recipe.output != "temporary":
        return None
    key = layout.output_key(name, recipe.recipe_id)
    return m.Outputs(artifacts=[_file("output", path=layout.OUTPUT_ZIP_PATH, key=key)])


def _container(
    *,
    arguments: list[str],
    mounts: dict[str, str | None],
    worker: WorkerSettings,
    cpu: str | None = None,
    memory: str | None = None,
    scratch: str | None = None,
) -> m.Container:
    """Build the one container of a task.

    `mounts` goes from a path in the container to a directory of the workflow volume (None: all of it).
    """
    held = {"memory": memory or worker.memory, "ephemeral-storage": scratch or worker.scratch}
    return m.Container(
        image=worker.image,
        image_pull_policy=worker.image_pull_policy,
        command=["ogdc-worker"],
        args=arguments,
        resources=m.ResourceRequirements(requests={"cpu": cpu or worker.cpu} | held, limits=held),
        volume_mounts=[
            m.VolumeMount(name="scratch", mount_path="/tmp"),  # noqa: S108  the task's own
            *(m.VolumeMount(name="workflow", mount_path=at, sub_path=part) for at, part in mounts.items()),
        ],
        security_context=m.SecurityContext(
            allow_privilege_escalation=False, capabilities=m.Capabilities(drop=["ALL"])
        ),
    )


def _file(name: str, *, path: str, key: str) -> m.Artifact:
    """Name one object of the artifact store, taken as it is."""
    return m.Artifact(
        name=name, path=path, s3=m.S3Artifact(key=key), archive=m.ArchiveStrategy(none=m.NoneStrategy())
    )


def _archive(name: str, *, path: str, key: str) -> m.Artifact:
    """Name one tar.gz of the artifact store, unpacked at `path`."""
    return m.Artifact(name=name, path=path, s3=m.S3Artifact(key=key))


def _retry_strategy(recipe: RecipeFacts, argo: ArgoSettings) -> m.RetryStrategy | None:
    limit = argo.retry_limit if recipe.retries is None else recipe.retries
    if not argo.retry_enabled or limit == 0:
        return None
    # Short, since Argo waits before it looks at the expression: a failing command is told of after 2 s.
    backoff = m.Backoff(duration="2s", factor="4", cap="10m")
    if argo.retry_policy:
        return m.RetryStrategy(limit=str(limit), retry_policy=argo.retry_policy, backoff=backoff)
    return m.RetryStrategy(
        limit=str(limit), retry_policy="Always", expression=RETRY_EXPRESSION, backoff=backoff
    )


def _parallelism(recipe: RecipeFacts, worker: WorkerSettings) -> int:
    return min(recipe.max_parallelism or worker.max_parallelism, worker.max_parallelism)


def _days_kept(recipe: RecipeFacts, settings: Settings) -> int:
    return settings.temporary_output_days if recipe.output == "temporary" else 1
