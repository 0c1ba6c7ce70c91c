"""Versions of a published data set: which is the newest, and what of it a new one has in common with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from ogdc_shared.dataone.formats import EML, RESOURCE_MAP
from ogdc_shared.dataone.identifiers import is_doi, map_id
from ogdc_shared.dataone.member import ACCOUNT, MAP, METADATA, Member
from ogdc_shared.dataone.node import Description
from ogdc_shared.dataone.words import DOI
from ogdc_shared.digests import digest
from ogdc_shared.errors import ConflictError
from ogdc_shared.inputs.dataone_maps import mapped_data, mapped_inputs
from ogdc_shared.publication.describing import Draft
from ogdc_shared.publication.package import Version
from ogdc_shared.xml_reading import parse

if TYPE_CHECKING:
    from ogdc_shared.dataone.node import Node, State
    from ogdc_shared.publication.account import Result
    from ogdc_shared.publication.package import Package

_MAX_DOCUMENT = 64 << 20
"""Bytes of a map, or of metadata."""
_PARALLEL = 8
"""Files that are asked for at a time."""


def as_version(package: Package, directory: Path, node: Node, result: Result, *, overwrite: bool) -> Package:
    """Make a package what it has to be on a node: the first version, the next, or the one that it is there.

    Args:
        package: A whole one.
        directory: Where it is; what is described anew is written there.
        node: Where to.
        result: What it is the package of.
        overwrite: Whether it may take the place of a version that was published before.

    Raises:
        ConflictError: it may not.
        UnsupportedError: it is to have a DOI, and the node mints none.
    """
    newest, is_named = node.state(package.series), _is_as_wanted(package, package.metadata_id)
    if newest is None:
        if package.obsoletes is None and is_named:
            return package
        return _named(Draft.again(package, directory, result), directory, node)
    if newest.pid in {package.metadata_id, package.obsoletes} and is_named:
        return package
    draft = Draft.again(package, directory, result)
    if _is_as_wanted(package, newest.pid):
        same = draft._replace(before=_version(node, newest.obsoletes))
        if _is_there(same.eml(newest.pid, data=same.data), newest.pid, node):
            return same.write(directory, newest.pid)  # of somebody who lost, or never had, this directory
    version = _version(node, newest.pid)
    draft = draft._replace(before=version)
    if version is not None and (old := _unchanged(draft, version, node)) is not None:
        return old
    if not overwrite:
        raise ConflictError(
            f"The data set was published at {node.url} before, as {newest.pid}. --overwrite publishes this "
            "result as its newest version; those before stay readable by their identifiers."
        )
    return _named(draft, directory, node)


def _is_as_wanted(package: Package, pid: str) -> bool:
    """Whether an identifier is of the kind that the author wants; a DOI is more than that."""
    return package.identifier != DOI or is_doi(pid)


def _is_there(content: bytes, pid: str, node: Node) -> bool:
    """Whether a node has this very document."""
    return node.describe(pid) == Description(str(len(content)), f"sha-256,{digest(content)}", EML)


def _named(draft: Draft, directory: Path, node: Node) -> Package:
    """Write a version that is to be sent; its DOI is minted once, and kept in the list of its objects."""
    package = draft.package
    if package.identifier != DOI:
        return draft.write(directory)
    is_left = package.doi is not None and node.state(package.doi) is None
    return draft.write(directory, package.doi if is_left else node.mint())


def _unchanged(draft: Draft, version: Version, node: Node) -> Package | None:
    """The newest version, where a new one would say nothing else; None: it would, or that one is not whole.

    What the run made and was, inputs and words are compared; that it ran at another time, of which its crate
    and the date of publication tell, is no change.
    """
    package, account = draft.package, draft.origin.account
    if version.resource_map != map_id(version.metadata) or not _is_as_wanted(package, version.metadata):
        return None
    data = draft.data
    if {each.path for each in data} != {*version.files} or version.inputs != {*account.inputs}:
        return None
    old = tuple(_crate_of(each, version) if each.role == ACCOUNT else each for each in data)
    if any(version.files[each.path][0] != each.pid for each in old):
        return None
    there = node.read(version.metadata, limit=_MAX_DOCUMENT)
    day = parse(there).findtext("dataset/pubDate")
    if draft.eml(version.metadata, data=old, published_on=day) != there:
        return None
    described = (
        Member(version.metadata, METADATA, "", "", EML, len(there), digest(there)),
        Member(version.resource_map, MAP, "", "", RESOURCE_MAP, 0, ""),
    )
    return package._replace(members=(*old, *described), is_old=True)


def _crate_of(member: Member, version: Version) -> Member:
    """The account in an earlier version."""
    pid, (size, checksum, _) = version.files[member.path]
    return member._replace(pid=pid, size=int(size or 0), sha256=checksum.partition(",")[2], obsoletes=None)


def _version(node: Node, pid: str | None) -> Version | None:
    """Read a version; None: there is none."""
    state = node.state(pid) if pid else None
    if state is None:
        return None
    resource_map = _map_of(node, state)
    mapped = node.read(resource_map, limit=_MAX_DOCUMENT) if resource_map else None
    listed = mapped_data(mapped) if mapped else {}
    with ThreadPoolExecutor(_PARALLEL) as workers:
        described = workers.map(node.describe, listed)
        files = {
            path: (pid, found)
            for (pid, path), found in zip(listed.items(), described, strict=True)
            if found is not None and path is not None
        }
    inputs = mapped_inputs(mapped) if mapped else frozenset()
    return Version(state.pid, resource_map, state.is_public, files, inputs)


def _map_of(node: Node, state: State | None) -> str | None:
    """The map of a version, or of the last one before that has one."""
    while state is not None:
        if node.describe(map_id(state.pid)):
            return map_id(state.pid)
        state = node.state(state.obsoletes) if state.obsoletes else None
    return None
