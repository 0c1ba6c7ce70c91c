"""Conversion of records to response bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from ogdc_shared.api import answers, recipe_answers
from ogdc_shared.argo.state import TaskState
from ogdc_shared.db.runs import Run
from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.phases import TERMINAL_PHASES, Phase
from ogdc_shared.redact import redact_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ogdc_shared.db.tasks import StageCounts
    from ogdc_shared.run_warnings import RunWarning
    from ogdc_shared.runs.facts import TaskFacts
    from ogdc_shared.runs.partitions import PartitionState
    from ogdc_shared.runs.submitted_recipe import SubmittedRecipe


def run_view(run: Run) -> answers.Run:
    """Return a run without its tasks."""
    return answers.Run(
        name=run.name,
        run_id=str(run.id),
        recipe_id=run.recipe_id,
        recipe_name=run.recipe_name,
        status=run.status,
        message=run.message,
        progress=run.progress,
        submitted_by=run.submitted_by,
        submitted_at=run.submitted_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        cancelled_at=run.cancelled_at,
        deleted_at=run.deleted_at,
        tasks_removed_at=run.tasks_removed_at,
        recipe_path=shown_location(run.recipe_path),
        snapshot=run.snapshot,
        output_type=run.output_type,
        overwrite=run.overwrite,
        partitions=run.partitions,
        input_files=run.input_files,
        input_bytes=run.input_bytes,
        task_counts=run.task_counts,
        partition_counts=run.partition_counts,
        warning_count=run.warning_count,
        package=None if run.package is None else answers.Package(**run.package),
        priority=run.priority,
        waiting_since=run.queued_at if run.waits else None,
        links=_links(run),
    )


def run_detail_view(
    run: Run,
    tasks: Sequence[TaskState],
    warnings: Sequence[RunWarning],
    origin: answers.RunOrigin | None,
    *,
    stages: Sequence[StageCounts],
    parameters: dict[str, Any],
) -> answers.RunDetail:
    """Return a run with its stages and some of its tasks and warnings; counts include all of them."""
    return answers.RunDetail(
        **asdict(run_view(run)),
        stages=[answers.Stage(**stage._asdict()) for stage in stages],
        tasks=[_task_view(task) for task in tasks],
        warnings=[answers.Warning(**warning._asdict()) for warning in warnings],
        trigger=origin,
        parameters=parameters,
    )


def partition_view(partition: PartitionState) -> answers.Partition:
    """Return a partition and its phase."""
    return answers.Partition(**partition._asdict())


def facts_view(facts: TaskFacts) -> answers.Facts:
    """Return a task and its facts."""
    task = facts.task
    return answers.Facts(
        name=task.name,
        stage=task.stage,
        partition=task.partition,
        phase=task.phase,
        facts=facts.summary,
        url=facts.url,
        reused=facts.taken and answers.Taken(run=facts.taken.run, commands=facts.taken.commands),
    )


def recipe_view(recipe: SubmittedRecipe) -> recipe_answers.RunRecipe:
    """Return a run's recipe."""
    files = recipe.files
    return recipe_answers.RunRecipe(
        stages=[recipe_answers.RecipeStage(stage, after) for stage, after in recipe.stages.items()],
        commands=[recipe_answers.RecipeCommand(**each._asdict()) for each in recipe.commands],
        files=None
        if files is None
        else [recipe_answers.RecipeFile(**file._asdict(), text=text) for file, text in files],
    )


def _task_view(task: TaskState) -> answers.Task:
    return answers.Task(
        name=task.name,
        template=task.template,
        stage=task.stage,
        partition=task.partition,
        phase=task.phase,
        message=task.message,
        progress=task.progress,
        exit_code=task.exit_code,
        started_at=task.started_at,
        finished_at=task.finished_at,
    )


def _links(run: Run) -> dict[str, str]:
    own = f"/runs/{run.name}"
    policy, succeeded = policy_of(run.output_type), run.status == Phase.SUCCEEDED
    is_gone = run.output_removed_at is not None
    links = {"self": own} | {each: f"{own}/{each}" for each in ("partitions", "facts", "recipe")}
    if not is_gone or (policy.expires and succeeded):  # only its zip may have expired
        links["logs"] = f"{own}/logs"
        if run.status in TERMINAL_PHASES:
            links["provenance"] = f"{own}/provenance"
    if succeeded and not (policy.is_zip and is_gone):
        links["outputs"] = f"{own}/outputs"
        if policy.is_zip:
            links["output"] = f"/output/{run.name}"
    return links


def shown_location(location: str | None) -> str | None:
    """Return a location with credentials redacted."""
    return None if location is None else redact_url(location)
