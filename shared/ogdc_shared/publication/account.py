"""What a package says about a run: the account from its crate, and the author's metadata."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from ogdc_shared.dataone.words import RecipeNote, Words
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.provenance.reading import Entry, read_files, read_metadata, read_sources
from ogdc_shared.provenance.uris import is_url, url
from ogdc_shared.recipe.forms import META_FILE
from ogdc_shared.recipe.orcid import read_orcid

_DONE = "http://schema.org/CompletedActionStatus"


class Account(NamedTuple):
    """How a result came to be."""

    run_id: str
    finished_at: str
    """A time in ISO 8601."""
    version: str
    """Version of ogdc-runner."""
    agent: str | None
    """ORCID iD of the run's owner, or None if their login has none."""
    inputs: tuple[str, ...]
    """URLs that it read, sorted and without duplicates."""
    other_inputs: tuple[str, ...]
    """Paths of other files that it read: from the recipe or from volumes."""
    outputs: dict[str, Entry]
    """Its outputs by path; large files may lack a checksum."""


class Origin(NamedTuple):
    """The account of a run and the author's metadata."""

    account: Account
    words: Words

    @property
    def recipe(self) -> RecipeNote:
        """The recipe that ran."""
        return self.words.recipe


class Result(Protocol):
    """The result of a run that succeeded, wherever it lies."""

    @property
    def run(self) -> str:
        """The run's name."""

    @property
    def is_described_anew(self) -> bool:
        """Whether the author has replaced the metadata of the recipe that ran."""

    def crate(self, into: Path) -> Path:
        """Return the directory of the run's crate: `into`, which does not exist yet, or another."""

    def origin(self, crate: Path) -> Origin:
        """Return the origin that a crate describes.

        Raises:
            InvalidRequestError: something that a package requires is missing.
            InvalidRecipeError: the author's metadata cannot be read.
        """

    def program(self, crate: Path, origin: Origin) -> bytes:
        """Return the recipe's file with the commands, with credentials redacted."""

    def paths(self) -> Iterator[str]:
        """Yield the paths of all its files, with slashes."""

    def bring(self, path: str, file: Path) -> None:
        """Copy one of the result's files to `file`, unless it is there already."""


def read_account(crate: Path, name: str) -> Account:
    """Read the crate of a run that succeeded.

    Raises:
        InvalidRequestError: the run did not succeed, or the crate lacks what a package needs.
    """
    entities, sources = read_metadata(crate), read_sources(crate)
    try:
        run = entities["#run"]
        if run["actionStatus"] != _DONE:
            raise InvalidRequestError(
                f"Run {name} did not succeed. Only a run that succeeded can be published."
            )
        agent = read_orcid(str(entities["./"]["author"]["@id"]))
        version = next(e["softwareVersion"] for e in entities.values() if e.get("name") == "ogdc-runner")
        return Account(
            run_id=str(run["identifier"]).removeprefix("urn:uuid:"),
            finished_at=str(run["endTime"]),
            version=str(version),
            agent=agent,
            inputs=tuple(sorted({url(source) for source in sources if is_url(source)})),
            other_inputs=tuple(sorted(each for each in sources - {"", META_FILE} if not is_url(each))),
            outputs=read_files(crate, "output"),
        )
    except (KeyError, TypeError, StopIteration) as exc:
        raise InvalidRequestError(
            f"The provenance of run {name} lacks {exc}; it cannot be published."
        ) from exc
