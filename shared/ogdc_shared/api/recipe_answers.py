"""What the status service answers of a run's recipe, in JSON."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ogdc_shared.api.answers import Answer
from ogdc_shared.api.fields import Count


class RecipeCommand(Answer):
    """A command line of a run's recipe."""

    stage: str
    number: Annotated[Count, Meta(description="Counting from 1.")]
    line: Annotated[Count, Meta(description="Of its file.")]
    text: str


class RecipeFile(Answer):
    """A file of a run's recipe."""

    path: str
    size: Annotated[Count, Meta(description="Bytes.")]
    sha256: Annotated[str, Meta(description="Of the file as it is shown.")]
    redacted: Annotated[bool, Meta(description="Whether what gives access to somebody's data was left out.")]
    text: Annotated[str | None, Meta(description="null: it is no text, or too long to be shown.")]


class RunRecipe(Answer):
    """The recipe of a run as it was submitted."""

    commands: list[RecipeCommand]
    files: Annotated[
        list[RecipeFile] | None,
        Meta(description="null: they are for whose run it is, and for admins; or they are kept no longer."),
    ]
