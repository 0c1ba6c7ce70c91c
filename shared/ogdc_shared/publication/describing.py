"""Writing a package's metadata, its resource map, and the list of its objects."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.dataone import formats
from ogdc_shared.dataone.coverage import coverage_problem
from ogdc_shared.dataone.eml import DataSet, eml
from ogdc_shared.dataone.identifiers import is_doi, map_id, metadata_id
from ogdc_shared.dataone.member import MAP, METADATA, OUTPUT, Member
from ogdc_shared.dataone.resource_map import Execution, resource_map
from ogdc_shared.dataone.resource_map import Package as MapOf
from ogdc_shared.dataone.seen import Box, Seen, read_items
from ogdc_shared.digests import digest
from ogdc_shared.provenance.reading import unpack_crate
from ogdc_shared.publication.package import Package, Version, write_ledger
from ogdc_shared.recipe.prose import paragraphs
from ogdc_shared.storage.files import replacing

if TYPE_CHECKING:
    from ogdc_shared.publication.account import Origin, Result

CRATE = "provenance.zip"
DATA = "data"
"""Directory with the result, relative to that of its package."""
_EML, _MAP = "metadata.xml", "resource-map.xml"
_MAX_INPUTS = 100
"""Maximum number of inputs that the metadata list; the crate lists all."""
_MADE_BY = "ogdc-runner"


def member(package: Package, directory: Path, role: str, path: str, file: str, *, pid: str = "") -> Member:
    """Return the description of a package's file."""
    with (directory / file).open("rb") as content:
        sha256 = file_digest(content, "sha256").hexdigest()
        size = content.tell()
    kind = {METADATA: formats.EML, MAP: formats.RESOURCE_MAP}.get(role) or formats.format_id(path)
    return Member(pid or package.object_id(role, path, sha256), role, path, file, kind, size, sha256)


class Draft(NamedTuple):
    """A package with its data, and the facts for its metadata, which have not been written yet."""

    package: Package
    """Its members are the data only."""
    origin: Origin
    before: Version | None = None
    """The version that it replaces, or None if it is the first."""
    seen: dict[str, Seen] = {}  # noqa: RUF012  it is never modified
    """Facts about its files from STAC items, by path."""

    @classmethod
    def again(cls, package: Package, directory: Path, result: Result) -> Draft:
        """Create a draft to describe a complete package again, from its directory.

        Args:
            package: The package as it was.
            directory: Its directory.
            result: The result that it is the package of.

        Raises:
            InvalidRequestError: its crate cannot be read.
        """
        with tempfile.TemporaryDirectory(prefix="ogdc-publish-") as scratch:
            unpack_crate(directory / CRATE, Path(scratch, "crate"))
            origin = result.origin(Path(scratch, "crate"))
        made = Package.of(package.run, origin)
        data = (
            each._replace(pid=made.object_id(each.role, each.path, each.sha256), obsoletes=None)
            for each in package.members[:-2]
        )
        made = made._replace(members=tuple(data), doi=package.doi, minted_at=package.minted_at)
        return cls(made, origin, seen=read_items(directory / DATA))

    def eml(
        self, pid: str = "", *, data: tuple[Member, ...] | None = None, published_on: str | None = None
    ) -> bytes:
        """Return the metadata.

        Args:
            pid: Their identifier.
            data: The files that they describe; None means the package's data.
            published_on: Date of publication; None means that of the run.
        """
        account, words = self.origin
        given = None if words.eml is None else words.eml.encode()
        day = published_on or account.finished_at[:10]
        members = self.package.members if data is None else data
        steps = _steps(self.origin)
        return eml(DataSet(pid, words.metadata, words.license, day, steps, members, self.seen, given))

    def write(self, directory: Path, pid: str | None = None) -> Package:
        """Write the metadata, the resource map and the list of the package's objects.

        Args:
            directory: The package's directory.
            pid: Identifier of the metadata; None means the one derived from the run.
        """
        account, data, before = self.origin.account, self.package.members, self.before
        package = self.package._replace(obsoletes=before.metadata if before else None)
        if pid is None:
            pid = metadata_id(package.run_id, digest(self.eml()), obsoletes=package.obsoletes)
        content = self.eml(pid)
        with replacing(directory / _EML) as file:
            file.write(content)
        execution = Execution(account.run_id, account.agent, account.inputs)
        with replacing(directory / _MAP) as file:
            file.write(resource_map(MapOf(map_id(pid), pid, data, account.finished_at, _MADE_BY, execution)))
        metadata = member(package, directory, METADATA, _EML, _EML, pid=pid)
        mapped = member(package, directory, MAP, _MAP, _MAP, pid=map_id(pid))
        mapped = mapped._replace(obsoletes=before.resource_map if before else None)
        package = package._replace(
            members=(*data, metadata._replace(obsoletes=package.obsoletes), mapped),
            doi=pid if is_doi(pid) else package.doi,
            coverage_problem=coverage_problem(content, self._boxes()),
        )
        write_ledger(directory, package)
        return package

    def _boxes(self) -> dict[str, Box]:
        """Return where its outputs lie, by path."""
        outputs = (each.path for each in self.package.members if each.role == OUTPUT)
        found = ((path, self.seen.get(path)) for path in outputs)
        return {path: seen.box for path, seen in found if seen is not None and seen.box is not None}


def _steps(origin: Origin) -> list[list[str]]:
    """Return the steps of processing, in order; each step has several paragraphs."""
    methods = origin.words.metadata.methods
    return [*([paragraphs(methods)] if methods else []), list(_method(origin))]


def _method(origin: Origin) -> Iterator[str]:
    """Describe in sentences what the run did."""
    account, recipe = origin.account, origin.recipe
    yield f"ogdc-runner ran the recipe {recipe.name}. {CRATE} describes the run and the software versions."
    for number, command in enumerate(recipe.commands, start=1):
        yield f"Command {number}: {command}"
    inputs = (*account.inputs, *account.other_inputs)
    for source in inputs[:_MAX_INPUTS]:
        yield f"Input: {source}"
    if (more := len(inputs) - _MAX_INPUTS) > 0:
        yield f"And {more:,} more inputs; {CRATE} lists all."
