"""The schema of inputs in `meta.yml`; see `models`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, field_validator

from ogdc_shared.dns_label import is_dns_label
from ogdc_shared.recipe.field_types import (
    Checksum,
    Directory,
    FileName,
    SideFile,
    Strict,
    Text,
    Url,
    plain_text,
)


class Placed(Strict):
    """Where the files of an input go."""

    directory: Directory | None = Field(
        default=None, description="Where below /input_dir its files go, such as 2021/june; none: right there."
    )


class UrlInput(Placed):
    """One file on a server."""

    type: Literal["url"]
    value: Url = Field(description="An https, http, ftp, s3 or gs URL.")
    name: FileName | None = Field(
        default=None, description="What the file is called; none: what its server or its URL call it."
    )
    checksum: Checksum | None = Field(
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
        """Identifiers have no white space and at most 800 characters (Source: DataONE, Types.Identifier).

        White space around a pasted one, and after `doi:` as in citations, is removed.
        """
        value = re.sub(r"^doi:\s+", "doi:", value.strip(), flags=re.IGNORECASE)
        if len(value) > 800 or re.search(r"\s", value):
            raise ValueError(
                "is not a DataONE identifier; give one such as doi:10.18739/A29G5GD39, or a landing page."
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
                "is not a claim name; give at most 63 of a to z, 0 to 9 and '-', without '-' at the ends."
            )
        return value

    @field_validator("path", "glob")
    @classmethod
    def _stay_below(cls, value: str) -> str:
        plain_text(value or "/")
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
    """The object whose upload starts the run, or the file that a job is given a link to."""

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
