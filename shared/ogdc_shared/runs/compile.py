"""Compiling a recipe: the plan and manifests for the worker, and the workflow for Argo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from ogdc_shared.config import Settings, WorkerSettings
from ogdc_shared.digests import digest as sha256_hex
from ogdc_shared.errors import ForbiddenError, InputNotFoundError, UnsupportedError
from ogdc_shared.inputs.listing import Listing, measure
from ogdc_shared.inputs.packs import MAX_PARTITIONS, Packs
from ogdc_shared.inputs.resolve import resolve_inputs, volume_inputs
from ogdc_shared.layout import (
    PROCESS,
    data_set_key,
    description_key,
    division_key,
    pack_key,
    plan_key,
    run_prefix,
    snapshot_key,
)
from ogdc_shared.plan import Division, InputFile, Partitioning, Plan
from ogdc_shared.recipe.bundle import digest, pack_with_digest
from ogdc_shared.recipe.input_models import FileInput, PvcMountInput, UploadInput
from ogdc_shared.recipe.models import Parallel, RecipeMeta
from ogdc_shared.recipe.parameters import NOTHING_GIVEN, Values, as_shown, as_variables, read_values
from ogdc_shared.recipe.recipe import Recipe
from ogdc_shared.runs.publication import DataSet, published_data_set
from ogdc_shared.runs.recipe_types import check_type, needs, plans
from ogdc_shared.runs.reuse import Reusing, plan_reuse
from ogdc_shared.runs.stage_facts import RunFacts
from ogdc_shared.runs.trigger_inputs import SUBMITTED, TriggerInputs
from ogdc_shared.storage.store import ArtifactStore
from ogdc_shared.telemetry.tracing import current
from ogdc_shared.workflow.names import workflow_name

if TYPE_CHECKING:
    from ogdc_shared.servers.credentials import Credentials
    from ogdc_shared.workflow.build import RecipeFacts, Stage

_TASKS_PER_PLACE = 20
"""Partitions per concurrent task, so that the last tasks end at nearly the same time."""
_MAX_TASKS = 1000
"""Maximum number of partitions, unless the recipe gives their size."""


class CompiledRun(NamedTuple):
    """Everything about a run before it is recorded."""

    name: str
    recipe_name: str
    output_type: str
    bundle: bytes
    """The recipe directory, packed."""
    snapshot: str
    """Digest of `bundle`."""
    plans: tuple[Plan, ...]
    """Plans of its stages, in order."""
    plan_texts: tuple[bytes, ...]
    """The plans as stored."""
    files: Listing
    """All inputs that are not on volumes."""
    packs: Packs | None
    """The partitions as stored; None if the inputs are on volumes, so that the run divides them itself."""
    division: Division | None
    """Sizes of the partitions; None in the same case."""
    manifest: dict[str, Any]
    """The Argo Workflow."""
    parameters: Values
    """Public values of the recipe's parameters."""
    license: str | None = None
    """License of the result, from the recipe."""
    period: tuple[str, str] | None = None
    """Begin and end of the period that the result covers, from the recipe (see `Temporal.period`)."""
    data_set: bytes | None = None
    """The recipe's metadata of its result, if that is published at a member node."""
    result_stages: frozenset[str] = frozenset()
    """Stages before the last with a `layout.RESULT` directory that is part of the result."""

    @property
    def parallelism(self) -> int:
        """Maximum number of concurrent tasks."""
        most: int = self.manifest["spec"]["parallelism"]
        if self.division is None or len(self.plans) > 1:
            return most
        return min(most, len(self.division.files))


@contextmanager
def compiled_recipe(
    recipe: Recipe,
    *,
    settings: Settings,
    parameters: Mapping[str, Any] = NOTHING_GIVEN,
    overwrite: bool = False,
    cache: bool = True,
    trigger_inputs: TriggerInputs = SUBMITTED,
    credentials: Callable[[], Credentials] | None = None,
    reusing: Reusing = Reusing(),  # noqa: B008  an immutable value
) -> Iterator[CompiledRun]:
    """Resolve a recipe's inputs and yield the compiled run, with a new name.

    Writes only a temporary file with the list of inputs, which exists as long as the context.

    Raises:
        InvalidRequestError: `parameters` do not match those that the recipe declares.
        UnsupportedError: the recipe uses a feature that is not available.
        ForbiddenError: it reads a volume, or uses a secret, that the operator has not allowed.
        InputNotFoundError: an input cannot be resolved.
        SourceUnavailableError: a server needed to resolve an input does not respond.
        InvalidRecipeError: the recipe cannot be packed, contains something that a workflow cannot, or has too
            many partitions.
    """
    values = read_values(recipe.meta.parameters, parameters)
    check_type(recipe.meta, settings)
    data_set = published_data_set(recipe, settings)
    _check_claims(recipe.meta, settings.worker)
    _check_secrets(recipe.meta, settings)
    _check_uploads(recipe, trigger_inputs)
    networks = None if settings.allow_local_recipes else settings.allowed_networks
    with Listing() as files:
        files.extend(
            resolve_inputs(
                recipe,
                dataone_node_url=settings.dataone_node_url,
                networks=networks,
                credentials=credentials,
            )
        )
        files.extend(_uploaded(recipe.meta, trigger_inputs.inputs))
        yield _compile(
            recipe,
            files=files,
            settings=settings,
            values=values,
            overwrite=overwrite,
            cache=cache,
            trigger_inputs=trigger_inputs,
            reusing=reusing,
            data_set=data_set,
        )


def _check_uploads(recipe: Recipe, trigger_inputs: TriggerInputs) -> None:
    if not trigger_inputs.inputs and any(
        isinstance(param, UploadInput) for param in recipe.meta.input.params
    ):
        raise InputNotFoundError(
            "meta.yml: input.params: the recipe needs an uploaded object, but no upload started it. Start "
            "it by a trigger: `ogdc-runner triggers add`."
        )
    if trigger_inputs.inputs and volume_inputs(recipe):
        raise UnsupportedError(
            "meta.yml: input.params: a recipe with inputs on volumes cannot also take an uploaded object. "
            "Set `pass_object: false` in the trigger."
        )


def _uploaded(meta: RecipeMeta, files: Sequence[InputFile]) -> Iterator[InputFile]:
    """Apply the recipe's name and directory for uploads to the uploaded files."""
    wanted = next((param for param in meta.input.params if isinstance(param, UploadInput)), None)
    for file in files:
        yield (
            file
            if wanted is None
            else file._replace(name=wanted.name or file.name, directory=wanted.directory)
        )


def store_artifacts(store: ArtifactStore, run: CompiledRun, *, description: bytes | None = None) -> None:
    """Write what a run's tasks read; the snapshot only if it is not stored yet.

    Args:
        store: The artifact store.
        run: The run.
        description: The run's description for its crate (see `describe`), or None.

    Raises:
        StorageUnavailableError: the store does not respond or is full; everything of the run was removed
            again.
    """
    try:
        first = []
        if store.size(snapshot_key(run.snapshot)) != len(run.bundle):
            first.append((snapshot_key(run.snapshot), run.bundle))
        if description is not None:
            first.append((description_key(run.name), description))
        store.put_all(chain(first, _artifacts(run)))
    except Exception:
        store.delete_prefix(run_prefix(run.name))
        raise


def _artifacts(run: CompiledRun) -> Iterator[tuple[str, bytes]]:
    """Yield keys and contents lazily."""
    if run.data_set is not None:
        yield data_set_key(run.name), run.data_set
    for plan, text in zip(run.plans, run.plan_texts, strict=True):
        yield plan_key(run.name, plan.stage), text
    if run.division is not None and len(run.division.files) > 1:  # of a single partition, the row has it
        yield division_key(run.name), run.division.to_json().encode()
    if run.packs is not None:
        for number, pack in enumerate(run.packs.sealed()):
            yield pack_key(run.name, number), pack


def _compile(
    recipe: Recipe,
    *,
    files: Listing,
    settings: Settings,
    values: Values,
    overwrite: bool,
    cache: bool,
    trigger_inputs: TriggerInputs,
    reusing: Reusing,
    data_set: DataSet | None,
) -> CompiledRun:
    from ogdc_shared.workflow.build import build_workflow

    bundle, content, own_files = pack_with_digest(recipe.directory)
    snapshot = digest(bundle)
    variables = (*trigger_inputs.variables, *as_variables(values))
    facts = _run_facts(recipe, settings, digest=content, variables=variables, cache=cache)
    first, *later = plans(recipe, facts)
    reuse = plan_reuse(recipe, first, own_files, settings=settings, run=reusing)
    stages = (first._replace(reuse=reuse.reuse if reuse else None), *later)
    texts = tuple(stage.to_json().encode() for stage in stages)
    partitions = packs = None
    if not first.volumes:
        partitions = tuple(files.items_of(first).divided(first.partitioning))
        packs = Packs(files, partitions, most=first.partitioning.pack)
    name = workflow_name(recipe.id)
    return CompiledRun(
        name=name,
        recipe_name=recipe.meta.name,
        output_type=recipe.meta.output.type,
        bundle=bundle,
        snapshot=snapshot,
        plans=stages,
        plan_texts=texts,
        files=files,
        packs=packs,
        division=None if partitions is None else measure(files.sizes, partitions),
        license=recipe.meta.output.license,
        data_set=data_set and data_set.words,
        period=_period(recipe),
        result_stages=_result_stages(recipe, stages, settings),
        parameters=as_shown(values),
        manifest=build_workflow(
            name=name,
            recipe=_facts(recipe, trigger_inputs, snapshot=snapshot, settings=settings)._replace(
                node=data_set and data_set.node,
                data_set=data_set and data_set.digest,
                plan=sha256_hex(texts[0]),
                later=_later(later, texts[1:], recipe.meta, settings),
                partitions_digest=None if packs is None else packs.root,
                per_pack=None if packs is None else packs.per_pack,
                **(reuse.facts() if reuse else {}),
            ),
            partitions=None if partitions is None else len(partitions),
            settings=settings,
            overwrite=overwrite,
            trace=current().trace,
        ),
    )


def _run_facts(recipe: Recipe, settings: Settings, **known: Any) -> RunFacts:
    parallel, worker = recipe.meta.workflow.parallel, settings.worker
    return RunFacts(_partitioning(parallel, worker), at_once=_at_once(parallel, worker), **known)


def _result_stages(recipe: Recipe, stages: Sequence[Plan], settings: Settings) -> frozenset[str]:
    return frozenset(
        each.stage for each in stages[:-1] if needs(recipe.meta, each.stage, settings).has_results
    )


def _period(recipe: Recipe) -> tuple[str, str] | None:
    metadata = recipe.meta.metadata
    return metadata.temporal.period if metadata and metadata.temporal else None


def _later(
    plans: Sequence[Plan], texts: Sequence[bytes], meta: RecipeMeta, settings: Settings
) -> tuple[Stage, ...]:
    """Return what the workflow needs to know about the stages after the first.

    Args:
        plans: Their plans.
        texts: The same as stored.
        meta: The recipe's.
        settings: The deployment's settings.
    """
    from ogdc_shared.workflow.build import Stage

    return tuple(
        Stage(
            plan.stage,
            plan=sha256_hex(text),
            before=plan.before,
            reads=plan.reads,
            **needs(meta, plan.stage, settings)._asdict(),
        )
        for plan, text in zip(plans, texts, strict=True)
    )


def _partitioning(parallel: Parallel, worker: WorkerSettings) -> Partitioning:
    if not parallel.enabled:
        return Partitioning()
    return Partitioning(
        strategy=parallel.partition_strategy,
        size=parallel.partition_size,
        bytes=parallel.partition_bytes,
        tasks=min(_TASKS_PER_PLACE * _at_once(parallel, worker), _MAX_TASKS, worker.max_partitions),
        most=worker.max_partitions,
        pack=MAX_PARTITIONS,
    )


def _at_once(parallel: Parallel, worker: WorkerSettings) -> int:
    return min(parallel.max_parallelism or worker.max_parallelism, worker.max_parallelism)


def _check_claims(meta: RecipeMeta, worker: WorkerSettings) -> None:
    allowed = {*worker.allowed_input_claims, worker.volume_claim}
    for position, param in enumerate(meta.input.params):
        if isinstance(param, PvcMountInput) and param.claim_name not in allowed:
            raise ForbiddenError(
                f"meta.yml: input.params[{position}].claim_name: {param.claim_name!r} is not a claim that "
                "recipes may read. OGDC_ALLOWED_INPUT_PVCS lists the allowed claims of a cluster, "
                "OGDC_LOCAL_CLAIMS those of the local stack."
            )


def _check_secrets(meta: RecipeMeta, settings: Settings) -> None:
    own = {settings.worker.credentials_secret, settings.publication.secret}
    for secret in meta.workflow.secrets:
        if secret in own or not {"*", secret} & set(settings.worker.allowed_secrets):
            raise ForbiddenError(
                f"meta.yml: workflow.secrets: {secret!r} is not a secret that recipes may use here; the "
                "operator lists the allowed secrets in OGDC_ALLOWED_SECRETS."
            )


def _facts(
    recipe: Recipe, trigger_inputs: TriggerInputs, *, snapshot: str, settings: Settings
) -> RecipeFacts:
    from ogdc_shared.workflow.build import RecipeFacts

    workflow, first = recipe.meta.workflow, needs(recipe.meta, PROCESS, settings)
    return RecipeFacts(
        recipe_id=recipe.id,
        snapshot=snapshot,
        output=recipe.meta.output.type,
        image=first.image,
        cpu=first.cpu,
        memory=first.memory,
        scratch=workflow.resources.scratch,
        timeout=workflow.timeout,
        retries=workflow.retries,
        max_parallelism=workflow.parallel.max_parallelism,
        fail_fast=workflow.parallel.fail_fast,
        allowed_failures=workflow.parallel.allowed_failures,
        secrets=tuple(dict.fromkeys(workflow.secrets)),
        claims=tuple(dict.fromkeys(volume.claim for volume in volume_inputs(recipe))),
        network=_network(recipe, triggered=bool(trigger_inputs.inputs)),
        addresses=recipe.addresses if settings.allow_local_recipes else (),
    )


def _network(recipe: Recipe, *, triggered: bool) -> str:
    """Return what tasks with commands may use the network for; a triggered run fetches its upload, too."""
    if recipe.networked:
        return "commands"
    at_hand = not triggered and all(
        isinstance(param, FileInput | PvcMountInput) for param in recipe.meta.input.params
    )
    return "none" if at_hand else "inputs"
