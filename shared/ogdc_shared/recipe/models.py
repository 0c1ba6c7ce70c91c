"""The schema of `meta.yml`. Models validate values only: they open no files and make no requests.

The docstrings of models and the descriptions of fields are published in the JSON Schema (see `schema.py`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from ogdc_shared.outputs.output_type import OutputType
from ogdc_shared.recipe.field_types import (
    Amount,
    Count,
    Cpu,
    Failures,
    License,
    Patterns,
    RecipeName,
    Seconds,
    SecretName,
    Share,
    SideFile,
    Size,
    Strict,
    Text,
    Tries,
)
from ogdc_shared.recipe.input_models import RecipeInput
from ogdc_shared.recipe.metadata import Metadata
from ogdc_shared.recipe.parameter_models import MAX_PARAMETERS, RecipeParameter


class Parallel(Strict):
    """How the inputs are divided among tasks that run at the same time.

    Each command runs once for each file, with INPUT_FILE and OUTPUT_FILE set.
    """

    enabled: bool = False
    partition_strategy: Literal["files", "size", "names"] = Field(
        default="files",
        description="files: as many files in each partition; size: about as many bytes in each; "
        "names: as many files at most, divided where their names say so: a new file leaves the other "
        "partitions as they were.",
    )
    partition_size: Count | None = Field(
        default=None,
        description="Files in one partition; none: twenty partitions for each task that may run at a time, "
        "a thousand at most.",
    )
    partition_bytes: Amount | None = Field(
        default=None, description="Bytes in one partition, such as 2Gi; for the strategy size alone."
    )
    max_parallelism: Count | None = Field(
        default=None, description="Most tasks at the same time; the deployment has a limit of its own."
    )
    fail_fast: bool = Field(
        default=True, description="Whether no more tasks are started once one has failed."
    )

    items: Patterns = Field(
        default=(),
        description="Which files and directories commands run for, as a pattern such as *.shp or a list of "
        "them; the others are carried along to the result. None: all.",
    )
    allowed_failures: Failures | None = Field(
        default=None,
        description="How many of the run's items may fail, such as 10 or 1%, for the others to be published "
        "nevertheless, with a list of what is missing. None: no one may.",
    )

    @field_validator("partition_bytes")
    @classmethod
    def _fit_the_strategy(cls, value: int | None, info: ValidationInfo) -> int | None:
        if info.data.get("partition_strategy") != "size":
            raise ValueError("requires `partition_strategy: size`; add that, or give partition_size instead.")
        if info.data.get("partition_size") is not None:
            raise ValueError("contradicts partition_size; give one of the two.")
        return value


class Resources(Strict):
    """What each task gets; what is left out is the deployment's choice."""

    cpu: Cpu | None = Field(default=None, description="Cores, such as 2, 0.5 or 500m.")
    memory: Size | None = Field(default=None, description="Such as 512Mi or 4Gi.")
    scratch: Size | None = Field(default=None, description="Disk for working files, such as 20Gi.")


class Workflow(Strict):
    """What both kinds of workflow have."""

    parallel: Parallel = Parallel()
    resources: Resources = Resources()
    timeout: Seconds | None = Field(
        default=None,
        description="The longest the run may take: seconds, or days to seconds such as 90m or 1d12h.",
    )
    retries: Tries | None = Field(
        default=None, description="How often a task that failed in passing is tried again."
    )
    checks: bool = Field(
        default=True,
        description="Whether the results are looked at before they are published: that GDAL opens them, that "
        "they have a CRS and data.",
    )
    warnings: Literal["report", "fail"] = Field(
        default="report", description="What a warning does: it is reported, or fails the run."
    )
    secrets: tuple[SecretName, ...] = Field(
        default=(),
        description="Names of secrets whose variables the commands get; the operator's list must have them, "
        "or the user's own ~/.config/ogdc-runner/secrets.",
    )
    network: bool | None = Field(
        default=None,
        description="Whether commands may use the internet; if not given, they may where a line of theirs "
        "names a URL or runs a program that fetches. Inputs are fetched in any case.",
    )
    reuse: bool | None = Field(
        default=None,
        description="Whether results of the same commands, inputs and programs are taken from earlier runs; "
        "if not given, they are as far as the commands show nothing that may make another result each time "
        "(secrets, the internet, the time, chance).",
    )
    reuse_check: Share | None = Field(
        default=None,
        description="The share of partitions, such as 1%, that are run although their result is known, to "
        "compare both; none: no partition is.",
    )


class ShellWorkflow(Workflow):
    """A list of commands, each run by a shell of its own."""

    type: Literal["shell"] = "shell"
    sh_file: SideFile = Field(
        default="recipe.sh",
        description="The file with the commands, one a line, relative to the recipe directory.",
    )
    strict: bool = Field(
        default=True,
        description="Whether a command fails with any of its programs, and with a variable without a value; "
        "if not, only the last program of its line counts.",
    )


class VisualizationWorkflow(Workflow):
    """Tiles for a map."""

    type: Literal["visualization"]
    config_file: SideFile | None = Field(
        default=None, description="The JSON configuration, relative to the recipe directory; none: defaults."
    )


class Output(Strict):
    """What all outputs have."""

    license: License | None = Field(
        default=None,
        description="What others may do with the result: an SPDX id such as CC-BY-4.0, or the URL of a text. "
        "The result's provenance tells it.",
    )


class PvcOutput(Output):
    """Results stay on the workflow volume, under the recipe's id."""

    type: Literal["pvc"] = "pvc"
    dataone_id: Text | None = Field(
        default=None,
        description="Changes nothing: recipes written elsewhere have it. `ogdc-runner publish`, or `type: "
        "dataone`, makes a DataONE package of the result, which has an identifier of its own.",
    )


class TemporaryOutput(Output):
    """Results can be downloaded as one zip, for some days."""

    type: Literal["temporary"]


class DataOneOutput(Output):
    """Results stay on the workflow volume, and the run sends a package of them to a node of DataONE."""

    type: Literal["dataone"]
    dataone_id: Text | None = Field(
        default=None, description="Changes nothing: the package has an identifier of its own."
    )


def _workflow_type(value: Any) -> Any:
    """Set the default type of a workflow: `visualization` if there is a `config_file`, else `shell`."""
    if isinstance(value, dict) and "type" not in value:
        return value | {"type": "visualization" if "config_file" in value else "shell"}
    return value


def _output_type(value: Any) -> Any:
    """Set the default type of an output: the volume, from where it can be published to DataONE."""
    if isinstance(value, dict) and "type" not in value:
        return value | {"type": str(OutputType.PVC)}
    return value


class RecipeMeta(Strict):
    """An OGDC recipe (meta.yml)."""

    name: RecipeName = Field(description="The recipe's name: letters, digits, spaces, '.' and '-'.")
    workflow: Annotated[
        ShellWorkflow | VisualizationWorkflow, Field(discriminator="type"), BeforeValidator(_workflow_type)
    ] = Field(description="What is done with the data.")
    input: RecipeInput
    output: Annotated[
        PvcOutput | TemporaryOutput | DataOneOutput,
        Field(discriminator="type"),
        BeforeValidator(_output_type),
    ] = Field(default=PvcOutput(), description="Where the results go.")
    parameters: Annotated[list[RecipeParameter], Field(max_length=MAX_PARAMETERS)] = Field(
        default=[], description="What each run may be given: environment variables of its commands."
    )
    metadata: Metadata | None = None
