"""What the status service answers of a run's recipe, in JSON."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ogdc_shared.api.answers import Answer
from ogdc_shared.api.fields import Count


class RecipeStage(Answer):
    """A stage of a run, except `publish`."""

    stage: str
    after: Annotated[list[str], Meta(description="The stages that have to end before it begins.")]


class RecipeCommand(Answer):
    """A command line of a run's recipe."""

    stage: str
    number: Annotated[Count, Meta(description="Counted from 1.")]
    line: Annotated[Count, Meta(description="Line number in its file.")]
    text: str


class RecipeFile(Answer):
    """A file of a run's recipe."""

    path: str
    size: Annotated[Count, Meta(description="In bytes.")]
    sha256: Annotated[str, Meta(description="Checksum of the file as shown.")]
    redacted: Annotated[bool, Meta(description="Whether credentials were removed.")]
    text: Annotated[str | None, Meta(description="null: not text, or too long.")]


class RunRecipe(Answer):
    """The recipe of a run as it was submitted."""

    commands: list[RecipeCommand]
    files: Annotated[
        list[RecipeFile] | None,
        Meta(description="null: visible only to the owner of the run and admins, or no longer kept."),
    ]
    stages: Annotated[list[RecipeStage], Meta(description="The stages of the run, in order.")]
