"""What a recipe becomes: the plan and the manifests the worker reads, and the workflow Argo runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ogdc_shared.config import Settings
from ogdc_shared.errors import UnsupportedError
from ogdc_shared.layout import partition_key, plan_key, run_prefix, snapshot_key
from ogdc_shared.plan import InputFile, Partition, Plan
from ogdc_shared.recipe.bundle import digest, pack
from ogdc_shared.recipe.models import (
    DataOneOutput,
    FileInput,
    PvcMountInput,
    RecipeMeta,
    VisualizationWorkflow,
)
from ogdc_shared.recipe.recipe import Recipe
from ogdc_shared.resolve import resolve_inputs
from ogdc_shared.storage.store import ArtifactStore
from ogdc_shared.workflow.names import workflow_name

if TYPE_CHECKING:
    from ogdc_shared.workflow.build import RecipeFacts


class CompiledRun(NamedTuple):
    """All there is to know about a run before it is recorded."""

    name: str
    recipe_name: str
    output_type: str
    bundle: bytes
    """The recipe directory, packed."""
    snapshot: str
    """Digest of `bundle`."""
    plan: Plan
    partitions: tuple[Partition, ...]
    manifest: dict[str, Any]
    """The Argo Workflow."""


def compile_recipe(recipe: Recipe, *, settings: Settings, overwrite: bool = False) -> CompiledRun:
    """Resolve a recipe's inputs and translate it into a new run of its own name; writes nothing anywhere.

    Raises:
        UnsupportedError: the recipe asks for what is not offered yet.
        InputNotFoundError: an input cannot be resolved.
        SourceUnavailableError: the server that knows an input does not answer.
        InvalidRecipeError: the recipe directory cannot be packed, or holds what a workflow cannot.
    """
    if reason := _unsupported(recipe.meta):
        raise UnsupportedError(f"meta.yml: {reason}")
    files = resolve_inputs(recipe, dataone_node_url=settings.dataone_node_url)
    return _compile(recipe, files=files, settings=settings, overwrite=overwrite)


def store_artifacts(store: ArtifactStore, run: CompiledRun) -> None:
    """Write what a run's tasks read; the snapshot only where no run has written the same before.

    Raises:
        StorageUnavailableError: the store does not answer or has no room; nothing of the run stays behind.
    """
    try:
        if store.size(snapshot_key(run.snapshot)) is None:
            store.put(snapshot_key(run.snapshot), run.bundle)
        store.put(plan_key(run.name), run.plan.to_json().encode())
        for partition in run.partitions:
            store.put(partition_key(run.name, partition.number), partition.to_json().encode())
    except Exception:
        store.delete_prefix(run_prefix(run.name))
        raise


def _compile(
    recipe: Recipe, *, files: Sequence[InputFile], settings: Settings, overwrite: bool
) -> CompiledRun:
    from ogdc_shared.workflow.build import build_workflow

    bundle = pack(recipe.directory)
    snapshot = digest(bundle)
    name = workflow_name(recipe.id)
    partitions = (Partition(number=0, files=tuple(files)),)
    return CompiledRun(
        name=name,
        recipe_name=recipe.meta.name,
        output_type=recipe.meta.output.type,
        bundle=bundle,
        snapshot=snapshot,
        plan=Plan(recipe_id=recipe.id, commands=recipe.commands),
        partitions=partitions,
        manifest=build_workflow(
            name=name,
            recipe=_facts(recipe, snapshot=snapshot),
            partitions=len(partitions),
            settings=settings,
            overwrite=overwrite,
        ),
    )


def _unsupported(meta: RecipeMeta) -> str | None:
    if isinstance(meta.workflow, VisualizationWorkflow):
        return "workflow.type: visualization is not offered yet; use `type: shell`."
    if meta.workflow.parallel.enabled:
        return "workflow.parallel.enabled: parallel recipes are not offered yet; set it to false."
    if any(isinstance(param, PvcMountInput) for param in meta.input.params):
        return "input.params: type pvc_mount is not offered yet; use url, url_list, file or dataone."
    if isinstance(meta.output, DataOneOutput):
        return "output.type: dataone is not offered yet; use pvc or temporary."
    return None


def _facts(recipe: Recipe, *, snapshot: str) -> RecipeFacts:
    from ogdc_shared.workflow.build import RecipeFacts

    workflow, resources = recipe.meta.workflow, recipe.meta.workflow.resources
    return RecipeFacts(
        recipe_id=recipe.id,
        snapshot=snapshot,
        output=recipe.meta.output.type,
        cpu=resources.cpu,
        memory=resources.memory,
        scratch=resources.scratch,
        timeout=workflow.timeout,
        retries=workflow.retries,
        max_parallelism=workflow.parallel.max_parallelism,
        ships_files=any(isinstance(param, FileInput) for param in recipe.meta.input.params),
    )
