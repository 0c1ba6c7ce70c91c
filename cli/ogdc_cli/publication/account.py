"""What a run's crate tells of it, as far as a package says it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from pydantic import ValidationError

from ogdc_cli.reproduce.comparison import Entry, read_files
from ogdc_cli.reproduce.original import Original, read_metadata
from ogdc_shared.errors import InvalidRecipeError, InvalidRequestError
from ogdc_shared.provenance.uris import is_url, url
from ogdc_shared.recipe.eml_file import read_eml, with_eml
from ogdc_shared.recipe.explain import explain
from ogdc_shared.recipe.meta import load_meta
from ogdc_shared.recipe.models import RecipeMeta
from ogdc_shared.recipe.orcid import read_orcid
from ogdc_shared.recipe.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from ogdc_shared.recipe.metadata import Metadata

_DONE = "http://schema.org/CompletedActionStatus"


class Account(NamedTuple):
    """How a result came to be."""

    run_id: str
    finished_at: str
    """A time in ISO 8601."""
    version: str
    """Of ogdc-runner."""
    agent: str | None
    """ORCID iD of whose run it was; None: they log in by something else."""
    inputs: tuple[str, ...]
    """URLs of what it read, each once."""
    outputs: dict[str, Entry]
    """What it made, by path; of large files no checksum may be known."""
    recipe: Recipe

    @property
    def program(self) -> str:
        """Path of the recipe's file that says what is done."""
        workflow = self.recipe.meta.workflow
        chosen = getattr(workflow, "sh_file", None) or getattr(workflow, "config_file", None)
        return str(chosen or "meta.yml")


def read_account(crate: Path, name: str) -> Account:
    """Read the crate of a run that succeeded.

    Raises:
        InvalidRequestError: it is the crate of another run, or lacks what a package needs.
        InvalidRecipeError: the recipe in it cannot be read.
    """
    recipe = load_recipe(Original(crate, None, f"run {name}").recipe)
    entities = read_metadata(crate)
    try:
        run = entities["#run"]
        if run["actionStatus"] != _DONE:
            raise InvalidRequestError(f"Run {name} did not succeed; publish one that did.")
        agent = read_orcid(str(entities["./"]["author"]["@id"]))  # type: ignore[index]
        version = next(e["softwareVersion"] for e in entities.values() if e.get("name") == "ogdc-runner")
        return Account(
            run_id=str(run["identifier"]).removeprefix("urn:uuid:"),
            finished_at=str(run["endTime"]),
            version=str(version),
            agent=agent,
            inputs=_inputs(crate),
            outputs=read_files(crate, "output"),
            recipe=recipe,
        )
    except (KeyError, TypeError, StopIteration) as exc:
        raise InvalidRequestError(
            f"The provenance of run {name} lacks {exc}; it cannot be published."
        ) from exc


def _inputs(crate: Path) -> tuple[str, ...]:
    sources = (entry.source for entry in read_files(crate, "input").values())
    return tuple(dict.fromkeys(url(source) for source in sources if is_url(source)))


class Words(NamedTuple):
    """What the author says of a result as a data set."""

    metadata: Metadata
    license: str
    eml: bytes | None
    """Their own metadata in EML; None: there are none."""


def metadata_of(account: Account, file: Path | None) -> Words:
    """What the author says of the result as a data set.

    Args:
        account: How it came to be.
        file: A meta.yml whose `metadata` and `output.license` go before those of the recipe that ran.

    Raises:
        InvalidRecipeError: the file cannot be read.
        InvalidRequestError: something is missing that a package must have.
    """
    meta = account.recipe.meta if file is None else _read(file)
    where = "The recipe of the run" if file is None else str(file)
    how = (
        "Add it to the recipe's meta.yml, and give that as --metadata meta.yml: the run need not be repeated."
    )
    if meta.metadata is None:
        raise InvalidRequestError(f"{where} has no `metadata` (title, abstract, creators). {how}")
    if meta.output.license is None:
        raise InvalidRequestError(f"{where} has no `output.license`, such as CC-BY-4.0. {how}")
    if meta.metadata.owner is None:
        raise InvalidRequestError(
            f"{where} names nobody with an ORCID iD, whose the data set would be: give a creator's `orcid`, "
            f"or `metadata.rights_holder`. {how}"
        )
    directory = account.recipe.directory if file is None else file.parent
    eml = None if meta.metadata.eml is None else read_eml(directory, meta.metadata.eml)
    return Words(meta.metadata, meta.output.license, None if eml is None else ElementTree.tostring(eml))


def _read(file: Path) -> RecipeMeta:
    try:
        return RecipeMeta.model_validate(with_eml(load_meta(file), file.parent))
    except ValidationError as exc:
        raise InvalidRecipeError(*explain(exc, file=file.name)) from exc
