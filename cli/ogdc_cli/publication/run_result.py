"""Downloading the result of a run for publication."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from ogdc_cli.crates import fetch_crate
from ogdc_cli.reproduce.original import Original
from ogdc_shared.errors import InvalidRecipeError, InvalidRequestError
from ogdc_shared.publication.account import Origin, read_account
from ogdc_shared.publication.recipes import words_of
from ogdc_shared.recipe.eml_file import with_eml
from ogdc_shared.recipe.explain import explain
from ogdc_shared.recipe.meta import load_meta
from ogdc_shared.recipe.models import RecipeMeta
from ogdc_shared.recipe.publishable import missing_words
from ogdc_shared.recipe.recipe import load_recipe

if TYPE_CHECKING:
    from ogdc_cli.api import ApiClient

_ADVICE = (
    "Add it to the recipe's meta.yml, and give that as --metadata meta.yml: the run need not be repeated."
)


class RunResult(NamedTuple):
    """See `publication.account.Result`."""

    client: ApiClient
    """Of the deployment that has the run."""
    run: str
    metadata: Path | None = None
    """A meta.yml with `metadata` and `output.license` that replace those of the recipe that ran."""

    @property
    def is_described_anew(self) -> bool:
        """Whether there is such a meta.yml."""
        return self.metadata is not None

    def crate(self, into: Path) -> Path:
        """Fetch the run's crate."""
        return fetch_crate(self.client, self.run, into)

    def origin(self, crate: Path) -> Origin:
        """Return the origin according to the recipe in the run's crate.

        Raises:
            InvalidRequestError: the recipe lacks metadata that a package must have.
        """
        recipe = load_recipe(Original(crate, None, f"run {self.run}").recipe)
        account = read_account(crate, self.run)
        meta = recipe.meta if self.metadata is None else _read(self.metadata)
        if problem := missing_words(meta):
            where = "The recipe of the run" if self.metadata is None else str(self.metadata)
            raise InvalidRequestError(f"{where} {problem} {_ADVICE}")
        return Origin(account, words_of(recipe, meta, self.metadata and self.metadata.parent))

    def program(self, crate: Path, origin: Origin) -> bytes:
        """Take the program out of the crate."""
        return (crate / "recipe" / origin.recipe.program).read_bytes()

    def paths(self) -> Iterator[str]:
        """List the run's outputs."""
        return (output.path for output in self.client.outputs(self.run))

    def bring(self, path: str, file: Path) -> None:
        """Download a file that is not there yet."""
        if not file.exists():
            self.client.download_file(self.run, path, file)


def _read(file: Path) -> RecipeMeta:
    try:
        return RecipeMeta.model_validate(with_eml(load_meta(file), file.parent))
    except ValidationError as exc:
        raise InvalidRecipeError(*explain(exc, file=file.name)) from exc
