"""Making the package of a run in a directory: fetching what belongs to it, and writing what describes it.

All that is written follows from the run, so that it is the same whenever, and wherever, it is written again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ogdc_cli.crates import fetch_crate
from ogdc_cli.publication.account import Account, metadata_of, read_account
from ogdc_cli.publication.package import Package, read_ledger, write_ledger
from ogdc_shared.dataone import formats
from ogdc_shared.dataone.eml import DataSet, eml
from ogdc_shared.dataone.identifiers import map_id, object_id
from ogdc_shared.dataone.member import ACCOUNT, MAP, METADATA, OUTPUT, PROGRAM, Member
from ogdc_shared.dataone.resource_map import Execution, resource_map
from ogdc_shared.dataone.resource_map import Package as MapOf
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.layout import COMPANIONS
from ogdc_shared.recipe.metadata import paragraphs
from ogdc_shared.storage.files import replacing
from ogdc_shared.walking import walk

if TYPE_CHECKING:
    from ogdc_cli.api import ApiClient
    from ogdc_shared.recipe.metadata import Metadata

_DATA, _CRATE, _EML, _MAP = "data", "provenance.zip", "metadata.xml", "resource-map.xml"
_MAX_INPUTS = 100
"""Inputs that stand in the metadata themselves."""
_MADE_BY = "ogdc-runner"
_COMPANIONS = frozenset(name for name, _ in COMPANIONS)


def make_package(client: ApiClient, name: str, directory: Path, *, metadata: Path | None) -> Package:
    """Make the package of a run, or read the one that is there.

    Args:
        client: Of the deployment that has the run.
        name: The run's.
        directory: Where to; a new one, an empty one, or one that this was called with before.
        metadata: See `account.metadata_of`.

    Raises:
        InvalidRequestError: the directory holds something else, or something is missing for a package.
        ApiError: the deployment refuses or does not answer.
        OSError: something cannot be written.
    """
    begun = read_ledger(directory)
    if begun is not None and begun.run != name:
        raise InvalidRequestError(f"{directory} is the package of run {begun.run}. Name a new directory.")
    if begun is not None and begun.members:
        return begun
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ogdc-publish-") as scratch:
        crate = fetch_crate(client, name, Path(scratch, "crate"))
        account = read_account(crate, name)
        described, license_ = metadata_of(account, metadata)
        package = Package(
            name, account.run_id, described.title, described.owner or "", described.access == "public"
        )
        write_ledger(directory, package)
        data = tuple(_data(client, package, directory, account, crate))
    about = _describe(package, directory, account, (described, license_), data)
    package = package._replace(members=(*data, *about))
    write_ledger(directory, package)
    return package


def _data(
    client: ApiClient, package: Package, directory: Path, account: Account, crate: Path
) -> Iterator[Member]:
    """Bring a package's data into its directory."""
    found = False
    for output in client.outputs(package.run):
        if output.path.partition("/")[0] in _COMPANIONS and output.path not in account.checksums:
            continue  # the crate is packed below, and from a package the links of a catalogue lead nowhere
        found = True
        file = f"{_DATA}/{output.path}"
        if not (directory / file).exists():
            client.download_file(package.run, output.path, directory / file)
        made = _member(package, directory, OUTPUT, output.path, file)
        known = account.checksums.get(output.path, "")
        if known.startswith("sha256:") and known != f"sha256:{made.sha256}":
            raise InvalidRequestError(
                f"{output.path} is not what run {package.run} made: it was changed since. "
                "Run the recipe again."
            )
        yield made
    if not found:
        raise InvalidRequestError(f"Run {package.run} has no outputs; there is nothing to publish.")
    program = account.program
    with replacing(directory / "recipe" / program) as file_:
        file_.write((crate / "recipe" / program).read_bytes())
    yield _member(package, directory, PROGRAM, f"recipe/{program}", f"recipe/{program}")
    _pack(crate, directory / _CRATE)
    yield _member(package, directory, ACCOUNT, _CRATE, _CRATE)


def _member(package: Package, directory: Path, role: str, path: str, file: str, *, pid: str = "") -> Member:
    with (directory / file).open("rb") as content:
        digest = file_digest(content, "sha256").hexdigest()
        size = content.tell()
    kind = {METADATA: formats.EML, MAP: formats.RESOURCE_MAP}.get(role) or formats.format_id(path)
    return Member(pid or object_id(package.run_id, role, path), role, path, file, kind, size, digest)


def _pack(crate: Path, target: Path) -> None:
    """Pack a crate so that it has the same bytes each time."""
    with replacing(target) as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, entry in sorted(walk(str(crate))):
            if entry.is_file(follow_symlinks=False):
                info = ZipInfo(name)
                info.compress_type, info.external_attr = ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, Path(entry.path).read_bytes())


def _describe(
    package: Package,
    directory: Path,
    account: Account,
    words: tuple[Metadata, str],
    data: tuple[Member, ...],
) -> tuple[Member, Member]:
    """Write metadata and map; returns both as members."""
    metadata, license_ = words
    pid = object_id(package.run_id, METADATA)
    steps = [*([paragraphs(metadata.methods)] if metadata.methods else []), list(_method(account))]
    about = DataSet(pid, metadata, license_, account.finished_at[:10], steps, data)
    with replacing(directory / _EML) as file:
        file.write(eml(about))
    execution = Execution(account.run_id, account.agent, account.inputs)
    mapped = MapOf(map_id(pid), pid, data, account.finished_at, _MADE_BY, execution)
    with replacing(directory / _MAP) as file:
        file.write(resource_map(mapped))
    return (
        _member(package, directory, METADATA, _EML, _EML, pid=pid),
        _member(package, directory, MAP, _MAP, _MAP, pid=map_id(pid)),
    )


def _method(account: Account) -> Iterator[str]:
    """What was done, in sentences."""
    recipe = account.recipe
    yield f"The recipe {recipe.meta.name} ran by ogdc-runner {account.version}; {_CRATE} tells of it in full."
    for number, command in enumerate(recipe.commands, start=1):
        yield f"Command {number}: {command.text}"
    for source in account.inputs[:_MAX_INPUTS]:
        yield f"Input: {source}"
    if (more := len(account.inputs) - _MAX_INPUTS) > 0:
        yield f"And {more:,} more inputs, of which {_CRATE} tells."
