"""The templates of a workflow: `list` and its own for a stage, and `publish`; each is one container."""

from __future__ import annotations

from typing import TypedDict

from ogdc_shared import layout
from ogdc_shared.argo.expressions import quotient
from ogdc_shared.argo.retry import RETRY_EXPRESSION
from ogdc_shared.config import ArgoSettings, Settings, WorkerSettings
from ogdc_shared.images import own_image
from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.plan import SCOPE_LABEL
from ogdc_shared.workflow.artifacts import (
    PARTITION,
    facts_artifact,
    file_artifact,
    log_artifact,
    plan_artifact,
    provenance_artifacts,
    recipe_artifact,
)
from ogdc_shared.workflow.facts import ADDRESSES_ANNOTATION, NETWORK_LABEL, RecipeFacts, Stage
from ogdc_shared.workflow.hera_models import m
from ogdc_shared.workflow.pods import pod_disk
from ogdc_shared.workflow.volumes import (
    credentials_mount,
    input_mounts,
    node_token_mount,
    scratch_mount,
    secret_mounts,
    workflow_mount,
)

_PARTITIONS = "{{inputs.parameters.partitions}}"
DIGEST = "digest"
"""The parameter by which `list` tells the other tasks the digest of the manifests it made."""
_DIGEST = f"{{{{inputs.parameters.{DIGEST}}}}}"
PER_PACK = "per_pack"
"""The parameter by which `list` tells how many partitions a pack has."""
_LISTED = {
    **layout.LISTED_COUNT_PATHS,
    DIGEST: layout.LISTED_DIGEST_PATH,
    PER_PACK: layout.LISTED_PER_PACK_PATH,
}


_SCOPE = f"{{{{workflow.labels.{SCOPE_LABEL}}}}}"
"""The scope of reuse (owner and recipe) from a label, so that manifests do not depend on the submitter."""
LEFT = "left"
"""The parameter by which `reuse` tells which partitions have to be run."""


class Facts(TypedDict):
    """What every template is made from."""

    name: str
    recipe: RecipeFacts
    settings: Settings


def is_listed(stage: Stage, recipe: RecipeFacts) -> bool:
    """Whether only the run can see a stage's inputs: they are on volumes, or a stage before leaves them."""
    return stage.before is not None or bool(recipe.claims)


def list_template(stage: Stage, *, name: str, recipe: RecipeFacts, settings: Settings) -> m.Template:
    """Build the task that finds a stage's inputs and divides them."""
    division = layout.division_key(name, stage.name)
    partitions = layout.partitions_directory(name, stage.name)
    return m.Template(
        name=layout.list_task(stage.name),
        metadata=_network("none"),
        inputs=m.Inputs(artifacts=[plan_artifact(name, stage)]),
        container=_container(
            arguments=["list", *_expected(plan=stage.plan)],
            mounts=_input_mounts(stage, name=name, recipe=recipe, worker=settings.worker),
            worker=settings.worker,
        ),
        outputs=m.Outputs(
            parameters=[
                m.Parameter(name=what, value_from=m.ValueFrom(path=path)) for what, path in _LISTED.items()
            ]
            + [_warnings()],
            artifacts=[
                file_artifact("division", path=layout.LISTED_DIVISION_PATH, key=division),
                file_artifact("partitions", path=layout.LISTED_PACKS_PATH, key=partitions),
                log_artifact(name, layout.list_task(stage.name)),
            ],
        ),
        retry_strategy=_retry_strategy(recipe, settings.argo),
    )


def takes(stage: Stage, recipe: RecipeFacts) -> bool:
    """Whether results of a stage may be taken from earlier runs."""
    return recipe.takes and stage.before is None


def reuse_template(stage: Stage, *, name: str, recipe: RecipeFacts, settings: Settings) -> m.Template:
    """Build the task that looks for reusable results; it mounts the volume and runs no command."""
    listed = [m.Parameter(name=DIGEST)] if is_listed(stage, recipe) else []
    expected = _expected(plan=stage.plan, partitions=_DIGEST if listed else recipe.partitions_digest)
    mounts = [
        workflow_mount(layout.WORKFLOW_MOUNT),
        *_input_mounts(stage, name=name, recipe=recipe, worker=settings.worker),
    ]
    fetching = fetches(stage, recipe)
    if fetching and settings.worker.credentials_secret:
        mounts.append(credentials_mount())
    return m.Template(
        name=layout.REUSE_TASK,
        metadata=_network("inputs" if fetching else "none"),
        inputs=m.Inputs(
            parameters=listed or None,
            artifacts=[
                plan_artifact(name, stage),
                file_artifact(
                    "partitions", path=layout.PACKS_PATH, key=layout.partitions_directory(name, stage.name)
                ),
                recipe_artifact(recipe),
            ],
        ),
        container=_container(
            arguments=[
                layout.REUSE_TASK,
                *("--run", name),
                *("--scope", _SCOPE),
                *(["--unended", *recipe.unended] if recipe.unended else []),
                *("--expect", *expected),
            ],
            mounts=mounts,
            image=stage.image,
            worker=settings.worker,
            names_image=True,
        ),
        outputs=m.Outputs(
            parameters=[
                m.Parameter(name=LEFT, value_from=m.ValueFrom(path=layout.LEFT_PATH)),
                m.Parameter(name="reused", value_from=m.ValueFrom(path=layout.REUSED_COUNT_PATH)),
            ],
            artifacts=[
                file_artifact("reused", path=layout.REUSED_PATH, key=layout.reused_key(name)),
                file_artifact("facts", path=layout.REUSED_FACTS_PATH, key=layout.reused_facts_key(name)),
                log_artifact(name, layout.REUSE_TASK),
            ],
        ),
        retry_strategy=_retry_strategy(recipe, settings.argo),
    )


def stage_template(stage: Stage, *, name: str, recipe: RecipeFacts, settings: Settings) -> m.Template:
    """Build the task of one partition of a stage: it fetches its files and does what the plan says."""
    workspace = layout.partition_workspace(name, PARTITION, stage.name)
    mounts = [
        workflow_mount(layout.WORKFLOW_MOUNT, part=workspace),
        workflow_mount(layout.INPUT_DIR, part=f"{workspace}/input_dir"),
        workflow_mount(layout.OUTPUT_DIR, part=f"{workspace}/output_dir"),
    ]
    mounts += _input_mounts(stage, name=name, recipe=recipe, worker=settings.worker)
    mounts += [_stage_mount(f"{layout.STAGES_MOUNT}/{each}", each, name) for each in stage.reads]
    mounts += secret_mounts(recipe)
    pack = layout.pack_key(name, _pack(stage, recipe), stage.name)
    artifacts = [
        plan_artifact(name, stage),
        file_artifact("partition", path=layout.PARTITION_PATH, key=pack),
        recipe_artifact(recipe),
    ]
    set_by_list = (DIGEST, PER_PACK) if is_listed(stage, recipe) else ()
    listed = [m.Parameter(name=parameter) for parameter in set_by_list]
    expected = _expected(
        plan=stage.plan,
        partition=PARTITION,
        partitions=_DIGEST if listed else recipe.partitions_digest,
    )
    container = _container(
        arguments=[stage.program, *expected],
        mounts=mounts,
        image=stage.image,
        cpu=stage.cpu,
        memory=stage.memory,
        scratch=recipe.scratch,
        worker=settings.worker,
        names_image=True,
    )
    fetching = []
    if settings.worker.credentials_secret and fetches(stage, recipe):
        fetching = [_fetching(container)]
        container.env = [*(container.env or ()), *_phase(layout.RUNNING)]
    return m.Template(
        name=stage.name,
        inputs=m.Inputs(parameters=[m.Parameter(name="partition"), *listed], artifacts=artifacts),
        metadata=_network(_network_of(stage, recipe), recipe.addresses),
        init_containers=fetching or None,
        container=container,
        outputs=m.Outputs(artifacts=[facts_artifact(name, stage), log_artifact(name, stage.name, PARTITION)]),
        retry_strategy=_retry_strategy(recipe, settings.argo),
    )


def publish_template(*, name: str, recipe: RecipeFacts, settings: Settings, overwrite: bool) -> m.Template:
    """Build the task that makes the result visible: what the last stage has left."""
    *before, last = (stage.name for stage in recipe.stages)
    results = [stage.name for stage in recipe.stages[:-1] if stage.has_results]
    parameters = ["partitions", *(partitions_of(stage) for stage in before)]
    return m.Template(
        name=layout.PUBLISH,
        metadata=_network("inputs" if recipe.data_set else "none"),
        inputs=m.Inputs(
            parameters=[m.Parameter(name=parameter) for parameter in parameters],
            artifacts=provenance_artifacts(name, recipe),
        ),
        container=_container(
            arguments=[
                "publish",
                *("--run", name),
                *("--recipe-id", recipe.recipe_id),
                *("--partitions", _PARTITIONS),
                *(["--stage", last, "--before", *map(_counted, before)] if before else []),
                *(["--results", *results] if results else []),
                *("--output", recipe.output),
                *("--rights", settings.worker.published_rights),
                *(["--allowed-failures", recipe.allowed_failures] if recipe.allowed_failures else []),
                *(_node_options(recipe) if recipe.data_set else []),
                *(["--overwrite"] if overwrite else []),
                *(_reuse_options(settings) if recipe.reuse else []),
            ],
            mounts=[
                workflow_mount(layout.WORKFLOW_MOUNT),
                *([node_token_mount()] if recipe.data_set else []),
            ],
            scratch=recipe.scratch,
            worker=settings.worker,
        ),
        outputs=_outputs(name, recipe),
        retry_strategy=_retry_strategy(recipe, settings.argo),
    )


def _node_options(recipe: RecipeFacts) -> list[str]:
    return ["--node", str(recipe.node), "--data-set", str(recipe.data_set)]


def _reuse_options(settings: Settings) -> list[str]:
    return ["--reuse", _SCOPE, "--reuse-bytes", settings.worker.reuse_size]


def partitions_of(stage: str) -> str:
    """Name the parameter that tells `publish` how many partitions a stage before the last one has."""
    return f"partitions-{stage}"


def _counted(stage: str) -> str:
    return f"{stage}={{{{inputs.parameters.{partitions_of(stage)}}}}}"


def _pack(stage: Stage, recipe: RecipeFacts) -> str:
    """Number the pack that a task's partition is in."""
    per_pack = f"inputs.parameters.{PER_PACK}" if is_listed(stage, recipe) else str(recipe.per_pack or 1)
    return quotient("inputs.parameters.partition", per_pack)


def _input_mounts(
    stage: Stage, *, name: str, recipe: RecipeFacts, worker: WorkerSettings
) -> list[m.VolumeMount]:
    """Mount what a stage's inputs are on, read-only."""
    if stage.before is None:
        return input_mounts(recipe, worker)
    return [_stage_mount(layout.STAGE_MOUNT, stage.before, name)]


def _stage_mount(place: str, stage: str, name: str) -> m.VolumeMount:
    """Mount the workspace of a stage before, read-only."""
    mount = workflow_mount(place, part=layout.workspace(name, stage))
    mount.read_only = True
    return mount


def fetches(stage: Stage, recipe: RecipeFacts) -> bool:
    """Whether a stage's tasks fetch inputs from servers."""
    return stage.before is None and recipe.network != "none" and not recipe.claims


def _fetching(container: m.Container) -> m.UserContainer:
    """Build the init container that fetches a task's inputs; it has credentials and runs no commands.

    It has the main container's mounts; Argo has loaded their artifacts by then.

    Source: docs/fields.md of argo-workflows (UserContainer, mirrorVolumeMounts), and createWorkflowPod in
    workflow/controller/workflowpod.go.
    """
    fields = container.model_dump(exclude={"env", "volume_mounts"}, exclude_none=True)
    return m.UserContainer(
        **fields,
        name="fetch",
        env=[*(container.env or ()), *_phase(layout.FETCHING)],
        volume_mounts=[credentials_mount()],
        mirror_volume_mounts=True,
    )


def _phase(phase: str) -> list[m.EnvVar]:
    """Return the variables that select a container's part of `process`; its end is reported later."""
    return [m.EnvVar(name=layout.PHASE, value=phase), m.EnvVar(name=layout.DEFERRED, value="true")]


def _network_of(stage: Stage, recipe: RecipeFacts) -> str:
    """What a stage's tasks may use a network for; a later one fetches nothing."""
    return "none" if stage.before is not None and recipe.network == "inputs" else recipe.network


def _outputs(name: str, recipe: RecipeFacts) -> m.Outputs:
    artifacts = [log_artifact(name, layout.PUBLISH)]
    if policy_of(recipe.output).is_zip:
        key = layout.output_key(name, recipe.recipe_id)
        artifacts.insert(0, file_artifact("output", path=layout.OUTPUT_ZIP_PATH, key=key))
    return m.Outputs(
        parameters=[_warnings(), *([_package()] if recipe.data_set else [])], artifacts=artifacts
    )


def _package() -> m.Parameter:
    """Return the output parameter with the published package (see `published_package`)."""
    return m.Parameter(name="package", value_from=m.ValueFrom(path=layout.PACKAGE_PATH, default=""))


def _warnings() -> m.Parameter:
    """Return the output parameter with a task's warnings; never of a task that runs commands.

    Argo's own container reads output parameters with its service account, and follows links.
    """
    return m.Parameter(name="warnings", value_from=m.ValueFrom(path=layout.WARNINGS_PATH, default=""))


def _container(
    *,
    arguments: list[str],
    mounts: list[m.VolumeMount],
    worker: WorkerSettings,
    image: str | None = None,
    cpu: str | None = None,
    memory: str | None = None,
    scratch: str | None = None,
    names_image: bool = False,
) -> m.Container:
    """Build the container of a task; None means the deployment's default."""
    image = image or worker.image or own_image("ogdc-worker")
    held = {"memory": memory or worker.memory, "ephemeral-storage": pod_disk(scratch or worker.scratch)}
    return m.Container(
        image=image,
        image_pull_policy=worker.image_pull_policy,
        command=["ogdc-worker"],
        args=arguments,
        env=[m.EnvVar(name=layout.IMAGE, value=image)] if names_image else None,
        resources=m.ResourceRequirements(requests={"cpu": cpu or worker.cpu} | held, limits=held),
        volume_mounts=[scratch_mount(), *mounts],
        security_context=m.SecurityContext(
            allow_privilege_escalation=False, capabilities=m.Capabilities(drop=["ALL"])
        ),
    )


def _expected(**facts: str | None) -> list[str]:
    """Return the arguments with the expected digests of a task (see `ogdc_worker.expected`)."""
    return [f"{name}={value}" for name, value in facts.items() if value is not None]


def _network(purpose: str, addresses: tuple[str, ...] = ()) -> m.Metadata:
    """Tell network policies, and the local engine, what a pod may use a network for."""
    named = {ADDRESSES_ANNOTATION: " ".join(addresses)} if addresses else None
    return m.Metadata(labels={NETWORK_LABEL: purpose}, annotations=named)


def _retry_strategy(recipe: RecipeFacts, argo: ArgoSettings) -> m.RetryStrategy | None:
    limit = argo.retry_limit if recipe.retries is None else recipe.retries
    if not argo.retry_enabled or limit == 0:
        return None
    # Short, since Argo waits before it looks at the expression: a failing command is reported after 2 s.
    backoff = m.Backoff(duration="2s", factor="4", cap="10m")
    if argo.retry_policy:
        return m.RetryStrategy(limit=str(limit), retry_policy=argo.retry_policy, backoff=backoff)
    return m.RetryStrategy(
        limit=str(limit), retry_policy="Always", expression=RETRY_EXPRESSION, backoff=backoff
    )
