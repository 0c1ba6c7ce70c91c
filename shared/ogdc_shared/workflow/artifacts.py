"""What the tasks of a workflow take out of the artifact store, and put there."""

from __future__ import annotations

from ogdc_shared import layout
from ogdc_shared.workflow.facts import RecipeFacts, Stage
from ogdc_shared.workflow.hera_models import m

PARTITION = "{{inputs.parameters.partition}}"


def facts_artifact(name: str, stage: Stage) -> m.Artifact:
    """Return the artifact with a task's facts (see `layout.FACTS_PATH`)."""
    key = layout.facts_key(name, PARTITION, stage.name)
    facts = file_artifact("facts", path=layout.FACTS_PATH, key=key)
    facts.optional = True
    return facts


def log_artifact(name: str, template: str, partition: str | None = None) -> m.Artifact:
    """Return the artifact with a task's log (see `layout.LOG_PATH`)."""
    log = file_artifact("log", path=layout.LOG_PATH, key=layout.log_key(name, template, partition))
    log.optional = True
    return log


def provenance_artifacts(name: str, recipe: RecipeFacts) -> list[m.Artifact]:
    """Return the artifacts for provenance and package; those for provenance are optional.

    Source: loadArtifact in workflow/executor/executor.go of argo-workflows, for inputs that are optional.
    """
    described = file_artifact("run", path=layout.DESCRIPTION_PATH, key=layout.description_key(name))
    artifacts = [described, recipe_artifact(recipe)]
    for artifact in artifacts:
        artifact.optional = True
    if recipe.data_set:
        key = layout.data_set_key(name)
        artifacts.append(file_artifact("data-set", path=layout.DATA_SET_PATH, key=key))
    return artifacts


def plan_artifact(name: str, stage: Stage) -> m.Artifact:
    """Name what a stage's tasks execute."""
    return file_artifact("plan", path=layout.PLAN_PATH, key=layout.plan_key(name, stage.name))


def file_artifact(name: str, *, path: str, key: str) -> m.Artifact:
    """Return an uncompressed artifact: one object, or for a directory one object per file below `key`."""
    return m.Artifact(
        name=name, path=path, s3=m.S3Artifact(key=key), archive=m.ArchiveStrategy(none=m.NoneStrategy())
    )


def recipe_artifact(recipe: RecipeFacts) -> m.Artifact:
    """Name the recipe's snapshot, a tar.gz of the artifact store, unpacked."""
    key = layout.snapshot_key(recipe.snapshot)
    return m.Artifact(name="recipe", path=layout.RECIPE_PATH, s3=m.S3Artifact(key=key))
