"""The templates of a workflow, `list`, `process` and `publish`: each one container with `ogdc-worker`."""

from __future__ import annotations

from functools import cache
from typing import TypedDict

from ogdc_shared import layout
from ogdc_shared.argo.retry import RETRY_EXPRESSION
from ogdc_shared.config import ArgoSettings, Settings, WorkerSettings
from ogdc_shared.imports import collection_paused
from ogdc_shared.workflow.facts import ADDRESSES_ANNOTATION, NETWORK_LABEL, RecipeFacts
from ogdc_shared.workflow.pods import pod_disk
from ogdc_shared.workflow.volumes import input_mounts, scratch_mount, secret_mounts, workflow_mount

with collection_paused():
    from hera.workflows import models as m

_PARTITION = "{{inputs.parameters.partition}}"
_PARTITIONS = "{{inputs.parameters.partitions}}"
DIGEST = "digest"
"""The parameter by which `list` tells the other tasks the digest of the manifests it made."""
_DIGEST = f"{{{{inputs.parameters.{DIGEST}}}}}"


class Facts(TypedDict):
    """What every template is made from."""

    name: str
    recipe: RecipeFacts
    settings: Settings


def list_template(*, name: str, recipe: RecipeFacts, settings: Settings) -> m.Template:
    """Build the task that finds the inputs on volumes and divides them."""
    return m.Template(
        name="list",
        metadata=_network("none"),
        inputs=m.Inputs(artifacts=[_plan(name)]),
        container=_container(
            arguments=["list", *_expected(plan=recipe.plan)],
            mounts=input_mounts(recipe, settings.worker),
            worker=settings.worker,
        ),
        outputs=m.Outputs(
            parameters=[
                m.Parameter(name=what, value_from=m.ValueFrom(path=path))
                for what, path in (layout.LISTED_COUNT_PATHS | {DIGEST: layout.LISTED_DIGEST_PATH}).items()
            ]
            + [_warnings()],
            artifacts=[
                _file("division", path=layout.LISTED_DIVISION_PATH, key=layout.division_key(name)),
                _file("partitions", path=layout.LISTED_MANIFESTS_PATH, key=layout.partitions_directory(name)),
            ],
        ),
        retry_strategy=_retry_strategy(recipe, settings.argo),
    )


def process_template(*, name: str, recipe: RecipeFacts, settings: Settings) -> m.Template:
    """Build the task of one partition: it fetches its files and runs the recipe's commands."""
    workspace = layout.partition_workspace(name, _PARTITION)
    mounts = [
        workflow_mount(layout.WORKFLOW_MOUNT, part=workspace),
        workflow_mount(layout.INPUT_DIR, part=f"{workspace}/input_dir"),
        workflow_mount(layout.OUTPUT_DIR, part=f"{workspace}/output_dir"),
    ]
    mounts += [*input_mounts(recipe, settings.worker), *secret_mounts(recipe)]
    manifest = layout.partition_key(name, _PARTITION)
    artifacts = [
        _plan(name),
        _file("partition", path=layout.PARTITION_PATH, key=manifest),
        _archive("recipe", path=layout.RECIPE_PATH, key=layout.snapshot_key(recipe.snapshot)),
    ]
    listed = [m.Parameter(name=DIGEST)] if recipe.claims else []
    expected = _expected(
        plan=recipe.plan,
        partition=_PARTITION,
        partitions=_DIGEST if listed else recipe.partitions_digest,
    )
    return m.Template(
        name="process",
        inputs=m.Inputs(parameters=[m.Parameter(name="partition"), *listed], artifacts=artifacts),
        metadata=_network(recipe.network, recipe.addresses),
        container=_container(
            arguments=["process", *expected],
            mounts=mounts,
            cpu=recipe.cpu,
            memory=recipe.memory,
            scratch=recipe.scratch,
            worker=settings.worker,
            names_image=True,
        ),
        outputs=m.Outputs(artifacts=[_facts(name)]),
        retry_strategy=_retry_strategy(recipe, settings.argo),
    )


def publish_template(*, name: str, recipe: RecipeFacts, settings: Settings, overwrite: bool) -> m.Template:
    """Build the task that makes the result visible."""
    return m.Template(
        name="publish",
        metadata=_network("none"),
        inputs=m.Inputs(parameters=[m.Parameter(name="partitions")]),
        container=_container(
            arguments=[
                "publish",
                *("--run", name),
                *("--recipe-id", recipe.recipe_id),
                *("--partitions", _PARTITIONS),
                *("--output", recipe.output),
                *("--rights", settings.worker.published_rights),
                *(["--allowed-failures", recipe.allowed_failures] if recipe.allowed_failures else []),
                *(["--overwrite"] if overwrite else []),
            ],
            mounts=[workflow_mount(layout.WORKFLOW_MOUNT)],
            scratch=recipe.scratch,
            worker=settings.worker,
        ),
        outputs=_outputs(name, recipe),
        retry_strategy=_retry_strategy(recipe, settings.argo),
    )


def _outputs(name: str, recipe: RecipeFacts) -> m.Outputs:
    if recipe.output != "temporary":
        return m.Outputs(parameters=[_warnings()])
    key = layout.output_key(name, recipe.recipe_id)
    return m.Outputs(
        parameters=[_warnings()], artifacts=[_file("output", path=layout.OUTPUT_ZIP_PATH, key=key)]
    )


def _warnings() -> m.Parameter:
    """Name what a task leaves only where it has something to warn of; never one that runs commands.

    Argo's own container reads an output parameter and follows links, with its service account at hand.
    """
    return m.Parameter(name="warnings", value_from=m.ValueFrom(path=layout.WARNINGS_PATH, default=""))


def _container(
    *,
    arguments: list[str],
    mounts: list[m.VolumeMount],
    worker: WorkerSettings,
    cpu: str | None = None,
    memory: str | None = None,
    scratch: str | None = None,
    names_image: bool = False,
) -> m.Container:
    """Build the one container of a task; what is None is the deployment's."""
    image = worker.image or own_image()
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


@cache
def own_image() -> str:
    """Name the worker's image of this very version, as a release pushes it."""
    from importlib.metadata import version

    return f"ghcr.io/qgreenland-net/ogdc-worker:{version('ogdc-runner').replace('+', '-')}"


def _expected(**facts: str | None) -> list[str]:
    """Say what a task is to be handed (see `ogdc_worker.expected`)."""
    return [f"{name}={value}" for name, value in facts.items() if value is not None]


def _network(purpose: str, addresses: tuple[str, ...] = ()) -> m.Metadata:
    """Tell network policies, and the local engine, what a pod may use a network for."""
    named = {ADDRESSES_ANNOTATION: " ".join(addresses)} if addresses else None
    return m.Metadata(labels={NETWORK_LABEL: purpose}, annotations=named)


def _facts(name: str) -> m.Artifact:
    """Name what a task has done, where it leaves that (see `layout.FACTS_PATH`)."""
    facts = _file("facts", path=layout.FACTS_PATH, key=layout.facts_key(name, _PARTITION))
    facts.optional = True
    return facts


def _plan(name: str) -> m.Artifact:
    return _file("plan", path=layout.PLAN_PATH, key=layout.plan_key(name))


def _file(name: str, *, path: str, key: str) -> m.Artifact:
    """Name one object of the artifact store, taken as it is; of a directory, one a file, below `key`."""
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
