"""What `meta.yml` may say. Models look at values only: no file is opened and no server is asked.

The docstrings of models and the descriptions of fields are published in the JSON Schema (see `schema.py`).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from ogdc_shared.dns_label import is_dns_label
from ogdc_shared.outputs.output_type import OutputType
from ogdc_shared.recipe import quantities
from ogdc_shared.recipe.ids import NAME_PATTERN, name_problem
from ogdc_shared.recipe.urls import TYPOGRAPHIC_QUOTES, checksum_problem, url_problem

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _plain_text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; give a value or remove the key.")
    if value[0] in TYPOGRAPHIC_QUOTES:
        raise ValueError(
            f"begins with the typographic quote {value[0]}; write plain ones around it, or none."
        )
    if found := _CONTROL.search(value):
        raise ValueError(
            f"has the control character {found[0]!r} at position {found.start() + 1}; remove it."
        )
    return value


def _relative_path(value: str) -> str:
    path = PurePosixPath(_plain_text(value))
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("lies outside the recipe directory; give a path inside it, without '..'.")
    return value


def _name(value: str) -> str:
    if problem := name_problem(value):
        raise ValueError(problem)
    return value


def _url(value: str) -> str:
    if problem := url_problem(value):
        raise ValueError(problem)
    return value


def _file_name(value: str) -> str:
    if "/" in _plain_text(value) or value in {".", ".."} or len(value.encode()) > 255:
        raise ValueError("is no file name; give at most 255 bytes without '/', and a directory: beside it.")
    return value


def _directory(value: str) -> str:
    parts = _plain_text(value).strip("/").split("/")
    if value.startswith("/") or any(part in {"", ".", ".."} or len(part.encode()) > 255 for part in parts):
        raise ValueError("is no directory below /input_dir; give a relative path such as 2021/june.")
    return "/".join(parts)


def _checksum(value: str) -> str:
    if problem := checksum_problem(value):
        raise ValueError(problem)
    return value


def _secret_name(value: str) -> str:
    if not is_dns_label(value):
        raise ValueError("is no name of a secret; give at most 63 of a to z, 0 to 9 and '-'.")
    return value


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("is no number; give a whole number.")  # noqa: TRY004  pydantic collects only these
    return value


Text = Annotated[str, AfterValidator(_plain_text)]
SideFile = Annotated[str, AfterValidator(_relative_path)]
FileName = Annotated[str, AfterValidator(_file_name)]
Count = Annotated[int, Field(ge=1), BeforeValidator(_no_boolean)]
Cpu = Annotated[
    str,
    BeforeValidator(quantities.cpu),
    WithJsonSchema({"type": ["string", "number"], "pattern": quantities.CPU_PATTERN, "exclusiveMinimum": 0}),
]
Size = Annotated[
    str,
    BeforeValidator(quantities.size),
    WithJsonSchema({"type": ["string", "integer"], "pattern": quantities.BYTES_PATTERN, "minimum": 2**20}),
]
Amount = Annotated[
    int,
    BeforeValidator(quantities.amount),
    WithJsonSchema({"type": ["string", "integer"], "pattern": quantities.BYTES_PATTERN, "minimum": 1}),
]
Seconds = Annotated[
    int,
    BeforeValidator(quantities.seconds),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "pattern": quantities.DURATION_PATTERN,
            "minLength": 1,
            "minimum": 1,
            "maximum": quantities.MAX_SECONDS,
        }
    ),
]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _pattern(value: str) -> str:
    if "/" in _plain_text(value):
        raise ValueError("has a '/'; give a pattern of names, such as *.shp.")
    return value


def _failures(value: object) -> str:
    text = "" if isinstance(value, bool) else str(value)
    if not re.fullmatch(_FAILURES, text) or (text.endswith("%") and float(text[:-1]) > 100):
        raise ValueError("is neither a number of items, such as 10, nor a share of them, such as 1%.")
    return text


_FAILURES = r"[0-9]{1,9}|[0-9]{1,3}(\.[0-9]{1,6})?%"
Patterns = Annotated[
    tuple[Annotated[str, AfterValidator(_pattern)], ...],
    BeforeValidator(_as_list),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
]
Failures = Annotated[
    str,
    BeforeValidator(_failures),
    WithJsonSchema({"type": ["string", "integer"], "pattern": f"^({_FAILURES})$", "minimum": 0}),
]


class Strict(BaseModel):
    """Unknown keys are errors: a mistyped key must not be without effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Parallel(Strict):
    """How the inputs are divided among tasks that run at the same time.

    Each command runs once for each file, with INPUT_FILE and OUTPUT_FILE set.
    """

    enabled: bool = False
    partition_strategy: Literal["files", "size"] = Field(
        default="files",
        description="files: as many files in each partition; size: about as many bytes in each.",
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
        if info.data.get("partition_strategy") == "files":
            raise ValueError("is for `partition_strategy: size`; add that, or give partition_size instead.")
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
    retries: Annotated[int, Field(ge=0, le=100), BeforeValidator(_no_boolean)] | None = Field(
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
    secrets: tuple[Annotated[str, AfterValidator(_secret_name)], ...] = Field(
        default=(),
        description="Names of secrets whose variables the commands get; the operator's list must have them, "
        "or the user's own ~/.config/ogdc-runner/secrets.",
    )
    network: bool | None = Field(
        default=None,
        description="Whether commands may use the internet; if not given, they may where a line of theirs "
        "names a URL or runs a program that fetches. Inputs are fetched in any case.",
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


class Placed(Strict):
    """Where the files of an input go."""

    directory: Annotated[str, AfterValidator(_directory)] | None = Field(
        default=None, description="Where below /input_dir its files go, such as 2021/june; none: right there."
    )


class UrlInput(Placed):
    """One file on a server."""

    type: Literal["url"]
    value: Annotated[str, AfterValidator(_url)] = Field(description="An https, http, ftp, s3 or gs URL.")
    name: FileName | None = Field(
        default=None, description="What the file is called; none: what its server or its URL call it."
    )
    checksum: Annotated[str, AfterValidator(_checksum)] | None = Field(
        default=None, description="What the file has to have, such as sha256:9f86d0…; or sha512, sha1, md5."
    )


class UrlListInput(Placed):
    """Many files on servers."""

    type: Literal["url_list"]
    file: SideFile = Field(description="A text file with one URL a line, relative to the recipe directory.")


class FileInput(Placed):
    """A small file of the recipe."""

    type: Literal["file"]
    path: SideFile = Field(description="The file, relative to the recipe directory.")
    name: FileName | None = Field(default=None, description="What it is called; none: as in the recipe.")


class DataOneInput(Placed):
    """The files of a DataONE data package."""

    type: Literal["dataone"]
    dataset_identifier: Text = Field(
        description="The package's DOI, the address of its landing page, or the identifier of its metadata, "
        "its resource map, its series or one of its files."
    )
    filename: Text | None = Field(
        default=None, description="Only the files of this name; * and ? are wildcards, case does not matter."
    )

    @field_validator("dataset_identifier")
    @classmethod
    def _refuse_blanks(cls, value: str) -> str:
        """Identifiers have no white space and at most 800 characters (Source: DataONE, Types.Identifier)."""
        if len(value) > 800 or re.search(r"\s", value):
            raise ValueError(
                "is no DataONE identifier; give one such as doi:10.18739/A29G5GD39, or a landing page's URL."
            )
        return value


class PvcMountInput(Strict):
    """Files on a volume of the cluster, mounted read-only at /mnt/data/<claim_name>/."""

    type: Literal["pvc_mount"]
    claim_name: str = Field(description="The volume claim; the operator's list of claims must have it.")
    path: str = Field(description="The directory on the volume.")
    glob: Text = Field(default="*", description="Which files in it, at any depth.")

    @field_validator("claim_name")
    @classmethod
    def _be_a_label(cls, value: str) -> str:
        if not is_dns_label(value):
            raise ValueError(
                "is no claim name; give at most 63 of a to z, 0 to 9 and '-', not beginning or ending in '-'."
            )
        return value

    @field_validator("path", "glob")
    @classmethod
    def _stay_below(cls, value: str) -> str:
        _plain_text(value or "/")
        if ".." in PurePosixPath(value).parts:
            raise ValueError("leaves the volume; give a path without '..'.")
        return value

    @field_validator("glob")
    @classmethod
    def _be_relative(cls, value: str) -> str:
        if value.startswith("/"):
            raise ValueError("begins with '/'; give a pattern relative to `path`, such as *.tif.")
        return value


class UploadInput(Placed):
    """The object whose upload starts the run; such a recipe is started by triggers alone."""

    type: Literal["upload"]
    name: FileName | None = Field(default=None, description="What it is called; none: as in its bucket.")


InputParam = Annotated[
    UrlInput | UrlListInput | FileInput | DataOneInput | PvcMountInput | UploadInput,
    Field(discriminator="type"),
]


class RecipeInput(Strict):
    """Where the data come from."""

    params: list[InputParam] = Field(min_length=1)

    @field_validator("params")
    @classmethod
    def _keep_volumes_apart(cls, params: list[InputParam]) -> list[InputParam]:
        mounted = [isinstance(param, PvcMountInput) for param in params]
        if any(mounted) and not all(mounted):
            raise ValueError("mixes pvc_mount with other types; use either pvc_mount inputs alone or none.")
        return params


class PvcOutput(Strict):
    """Results stay on the workflow volume, under the recipe's id."""

    type: Literal["pvc"] = "pvc"


class TemporaryOutput(Strict):
    """Results can be downloaded as one zip, for some days."""

    type: Literal["temporary"]


class DataOneOutput(Strict):
    """Results are published to DataONE."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["type"]}, {"required": ["dataone_id"]}]}
    )

    type: Literal["dataone"] = "dataone"
    dataone_id: Text | None = None


def _workflow_type(value: Any) -> Any:
    """A workflow without a type is a list of commands, unless it has the configuration of a map."""
    if isinstance(value, dict) and "type" not in value:
        return value | {"type": "visualization" if "config_file" in value else "shell"}
    return value


def _output_type(value: Any) -> Any:
    """An output without a type goes to the volume, or to DataONE where it has an identifier for that."""
    if isinstance(value, dict) and "type" not in value:
        return value | {"type": str(OutputType.DATAONE if "dataone_id" in value else OutputType.PVC)}
    return value


class RecipeMeta(Strict):
    """An OGDC recipe (meta.yml)."""

    name: Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": NAME_PATTERN})] = Field(
        description="The recipe's name: letters, digits, spaces, '.' and '-'."
    )
    workflow: Annotated[
        ShellWorkflow | VisualizationWorkflow, Field(discriminator="type"), BeforeValidator(_workflow_type)
    ] = Field(description="What is done with the data.")
    input: RecipeInput
    output: Annotated[
        PvcOutput | TemporaryOutput | DataOneOutput,
        Field(discriminator="type"),
        BeforeValidator(_output_type),
    ] = Field(default=PvcOutput(), description="Where the results go.")
