"""A package in a directory, and the file that lists its objects and fixes their identifiers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ogdc_shared.dataone.identifiers import object_id, series_id
from ogdc_shared.dataone.member import Member
from ogdc_shared.dataone.node import Description
from ogdc_shared.dataone.words import UUID
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.storage.files import replacing

if TYPE_CHECKING:
    from ogdc_shared.publication.account import Origin

LEDGER = "package.json"


class Package(NamedTuple):
    """The package of a run."""

    run: str
    """The run's name."""
    run_id: str
    title: str
    owner: str
    """ORCID iD of the rights holder."""
    is_public: bool
    series: str
    """Identifier of the series of versions of the data set."""
    obsoletes: str | None = None
    """Identifier of the previous version's metadata, or None if this is the first version."""
    members: tuple[Member, ...] = ()
    """In the order of upload: data, metadata, map. Empty until the package is complete."""
    identifier: str = UUID
    """Kind of identifier that the author wants for citations."""
    doi: str | None = None
    """DOI that a node minted for it, or None."""
    minted_at: str | None = None
    """URL of the node that minted the DOI; a DOI of another node or a test node is not used."""
    coverage_problem: str | None = None
    """Message about files outside the geographic coverage of the metadata, or None."""
    is_old: bool = False
    """Whether it is a version that an earlier run published and that is still up to date."""
    is_shown: bool = False
    """Whether such a version is public at the node."""

    @property
    def exposure(self) -> str | None:
        """A warning if the package is public at the node but private in the recipe, or None."""
        if not self.is_shown or self.is_public:
            return None
        return (
            f"{self.metadata_id} stays public at the node, although the recipe says `access: private`. "
            "The node's operators can make it private."
        )

    @property
    def metadata_id(self) -> str:
        """Identifier of the metadata, by which the package is cited."""
        return self.members[-2].pid

    @classmethod
    def of(cls, run: str, origin: Origin) -> Package:
        """Return the package of a run, without members."""
        metadata = origin.words.metadata
        owner = metadata.owner or ""
        series = series_id(owner, origin.recipe.id)
        is_public = metadata.access == "public"
        made = cls(run, origin.account.run_id, metadata.title, owner, is_public, series)
        return made._replace(identifier=metadata.identifier)

    def object_id(self, role: str, path: str, sha256: str, *, after: str = "") -> str:
        """Return the identifier of an object of this run (see `identifiers.object_id`)."""
        rights = f"{self.owner}/{'public' if self.is_public else 'private'}"
        return object_id(self.run_id, role, path, sha256, rights=rights, after=after)


class Version(NamedTuple):
    """A version of a package that is on a node."""

    metadata: str
    """Identifier of its metadata."""
    resource_map: str | None
    """Identifier of its map, or of the latest earlier one if this version was never completed."""
    is_public: bool
    files: dict[str, tuple[str, Description]]
    """Path → identifier and description, for each of its files on the node."""
    inputs: frozenset[str] = frozenset()
    """URLs of the inputs of the run that made it."""

    def placed(self, member: Member, *, is_public: bool) -> Member:
        """Return an object for the next version, which keeps its identifier or replaces this version's."""
        if (found := self.files.get(member.path)) is None:
            return member
        pid, described = found
        is_same = described == Description.of(member) and self.is_public == is_public
        return member._replace(pid=pid) if is_same else member._replace(obsoletes=pid)


def write_ledger(directory: Path, package: Package) -> None:
    """Write the list of a package's content, atomically.

    Raises:
        OSError: it cannot be written.
    """
    members = [member._asdict() for member in package.members]
    with replacing(directory / LEDGER) as file:
        file.write(json.dumps(package._asdict() | {"members": members}, indent=1).encode() + b"\n")


def read_ledger(directory: Path) -> Package | None:
    """Read the list of a package's content, or return None if there is none yet.

    Raises:
        InvalidRequestError: the directory contains something else.
    """
    path = directory / LEDGER
    if not path.exists():
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise InvalidRequestError(f"{directory} exists and is not a package. Give a new directory.")
        return None
    try:
        fields: dict[str, Any] = json.loads(path.read_bytes())
        return Package(**fields | {"members": tuple(Member(**each) for each in fields["members"])})
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise InvalidRequestError(
            f"{path} is damaged ({type(exc).__name__}). Remove {directory} and publish again."
        ) from exc
