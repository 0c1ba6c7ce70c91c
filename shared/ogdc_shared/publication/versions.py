"""Versions of a published data set: which is the newest, and which objects a new version shares with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from ogdc_shared.dataone.formats import EML, RESOURCE_MAP
from ogdc_shared.dataone.identifiers import is_doi, map_id
from ogdc_shared.dataone.member import ACCOUNT, MAP, METADATA, Member
from ogdc_shared.dataone.node import Description
from ogdc_shared.dataone.words import DOI
from ogdc_shared.digests import digest
from ogdc_shared.errors import ConflictError, InvalidRequestError
from ogdc_shared.inputs.dataone_maps import mapped_data, mapped_inputs
from ogdc_shared.provenance.reading import read_instruments
from ogdc_shared.publication.describing import CRATE, Draft
from ogdc_shared.publication.package import Version
from ogdc_shared.xml_reading import parse

if TYPE_CHECKING:
    from ogdc_shared.dataone.node import Node, State
    from ogdc_shared.publication.account import Result
    from ogdc_shared.publication.package import Package

_MAX_DOCUMENT = 64 << 20
"""Maximum size of a map or of metadata, in bytes."""
_PARALLEL = 8
"""Number of objects that are requested at a time."""


def as_version(package: Package, directory: Path, node: Node, result: Result, *, overwrite: bool) -> Package:
    """Return the package as it has to be on a node: the first version, the next, or the existing one.

    Args:
        package: A complete package.
        directory: The package's directory; new metadata are written there.
        node: The node.
        result: The result of which it is the package.
        overwrite: Whether it may replace an earlier published version.

    Raises:
        ConflictError: a version exists and `overwrite` is false, or the newest version cannot be replaced.
        UnsupportedError: it needs a DOI, and the node mints none.
    """
    newest, is_named = node.state(package.series), _is_named(package, node)
    if newest is None:
        if package.obsoletes is None and is_named:
            return package
        return _named(Draft.again(package, directory, result), directory, node)
    _check_stands(newest, node)
    if newest.pid in {package.metadata_id, package.obsoletes} and is_named:
        return package
    draft = Draft.again(package, directory, result)
    if _is_as_wanted(package, newest.pid):
        same = _after(_of_node(draft, node), _version(node, newest.obsoletes), node)
        if _is_there(same.eml(newest.pid), newest.pid, node):
            return same.write(directory, newest.pid)  # published before from another directory
    version = _version(node, newest.pid)
    if version is not None and (old := _unchanged(draft, directory, version, node)) is not None:
        return old
    if not overwrite:
        raise ConflictError(
            f"The data set was published at {node.url} before, as {newest.pid}. --overwrite publishes this "
            "result as a new version. Earlier versions stay readable by their identifiers."
        )
    if version is not None:
        _check_access(package, version, node)
    return _named(_after(draft, version, node), directory, node)


def _is_as_wanted(package: Package, pid: str) -> bool:
    """Whether an identifier is of the kind that the author wants. A DOI is accepted in place of a UUID."""
    return package.identifier != DOI or is_doi(pid)


def _is_named(package: Package, node: Node) -> bool:
    """Whether a package has the kind of identifier that the author wants. A DOI must come from this node."""
    is_of_node = package.identifier != DOI or package.minted_at == node.url
    return is_of_node and _is_as_wanted(package, package.metadata_id)


def _of_node(draft: Draft, node: Node) -> Draft:
    """Return a draft that records the node as the one that mints its DOI, if it needs one."""
    package = draft.package
    return draft._replace(package=package._replace(minted_at=node.url if package.identifier == DOI else None))


def _check_stands(newest: State, node: Node) -> None:
    """Check that the newest version is visible and can be followed by another.

    Raises:
        ConflictError: it was archived, or replaced outside of its series.
    """
    if newest.is_archived:
        raise ConflictError(
            f"{newest.pid}, the newest version at {node.url}, was archived there. Searches do not find it, "
            "and it cannot be replaced by a new version. Ask the node's operators. Nothing was sent."
        )
    if newest.obsoleted_by is not None:
        raise ConflictError(
            f"{newest.pid}, the newest version at {node.url}, was replaced there by {newest.obsoleted_by}, "
            "which does not belong to the series of this data set. So no new version can replace it. "
            "Ask the node's operators who published that. Nothing was sent."
        )


def _check_access(package: Package, version: Version, node: Node) -> None:
    """Check that the next version does not change the access that was granted on the node.

    Raises:
        ConflictError: it would change it.
    """
    if version.is_public and not package.is_public:
        raise ConflictError(
            f"{version.metadata}, the newest version at {node.url}, is public, but the recipe says "
            "`access: private`, so readers would not see the next version. Use `access: public`, or have the "
            "node's operators make the data set private. Nothing was sent."
        )
    placed = (version.placed(each, is_public=package.is_public) for each in package.members)
    changed = [each for each in placed if each.obsoletes is not None]
    with ThreadPoolExecutor(_PARALLEL) as workers:
        states = list(workers.map(lambda each: node.state(each.obsoletes or ""), changed))
    for each, state in zip(changed, states, strict=True):
        if state is not None and state.is_public != version.is_public:
            now, others = ("public", "private") if state.is_public else ("private", "public")
            raise ConflictError(
                f"{each.path} ({state.pid}) was made {now} at {node.url}, where the data set is {others}. In "
                f"the next version it would be {'public' if package.is_public else 'private'}. Ask who did "
                "that, and have the node's operators give both the same access. Nothing was sent."
            )


def _after(draft: Draft, version: Version | None, node: Node) -> Draft:
    """Return a draft as the successor of a version. Unchanged files keep their identifiers."""
    if version is None:
        return draft
    package, kept = draft.package, {pid for pid, _ in version.files.values()}
    placed = (version.placed(each, is_public=package.is_public) for each in package.members)
    with ThreadPoolExecutor(_PARALLEL) as workers:
        data = workers.map(
            lambda each: each if each.pid in kept else _unreplaced(each, package, node), placed
        )
        return draft._replace(before=version, package=package._replace(members=tuple(data)))


def _unreplaced(member: Member, package: Package, node: Node) -> Member:
    """Return an object under an identifier that was never replaced.

    A file may return to earlier content, and the object with that content was replaced by then.
    """
    state = node.state(member.pid)
    while state is not None and state.obsoleted_by is not None:
        pid = package.object_id(member.role, member.path, member.sha256, after=state.obsoleted_by)
        member, state = member._replace(pid=pid), node.state(pid)
    return member


def _is_there(content: bytes, pid: str, node: Node) -> bool:
    """Whether a node has this document."""
    return node.describe(pid) == Description(str(len(content)), f"sha-256,{digest(content)}", EML)


def _named(draft: Draft, directory: Path, node: Node) -> Package:
    """Write a version that will be sent. Its DOI is minted once, and kept in the list of its objects."""
    package = draft.package
    if package.identifier != DOI:
        return draft.write(directory)
    is_left = package.doi is not None and package.minted_at == node.url and node.state(package.doi) is None
    return _of_node(draft, node).write(directory, package.doi if is_left else node.mint())


def _unchanged(draft: Draft, directory: Path, version: Version, node: Node) -> Package | None:
    """Return the newest version if a new one would equal it, or None if not, or if the newest is incomplete.

    Outputs, program, inputs and metadata are compared. A different time of the run, which affects the crate
    and the date of publication, is not a change. A version that is public at the node although the recipe
    says `access: private` can be equal, too.
    """
    package, account = draft.package, draft.origin.account
    if version.resource_map != map_id(version.metadata) or not _is_as_wanted(package, version.metadata):
        return None
    if package.is_public and not version.is_public:
        return None
    data = [version.placed(each, is_public=version.is_public) for each in package.members]
    if {each.path for each in data} != {*version.files} or version.inputs != {*account.inputs}:
        return None
    old = tuple(_crate_of(each, version) if each.role == ACCOUNT else each for each in data)
    if any(version.files[each.path][0] != each.pid for each in old):
        return None
    there = node.read(version.metadata, limit=_MAX_DOCUMENT)
    if draft.eml(version.metadata, data=old, published_on=_day_of(there)) != there or not (
        _is_made_alike(directory / CRATE, version, node)
    ):
        return None
    described = (
        Member(version.metadata, METADATA, "", "", EML, len(there), digest(there)),
        Member(version.resource_map, MAP, "", "", RESOURCE_MAP, 0, ""),
    )
    return package._replace(members=(*old, *described), is_old=True, is_shown=version.is_public)


def _is_made_alike(crate: Path, version: Version, node: Node) -> bool:
    """Whether a version was made by the same recipe and parameters; False if its crate is too large."""
    pid, (size, *_) = version.files[CRATE]
    if int(size or 0) > _MAX_DOCUMENT:
        return False
    try:
        there = read_instruments(BytesIO(node.read(pid, limit=_MAX_DOCUMENT)))
    except InvalidRequestError:  # written by another tool
        return False
    return there == read_instruments(crate)


def _day_of(eml: bytes) -> str | None:
    """Return the date of publication in metadata, or None if there is none or they are not XML."""
    try:
        return parse(eml).findtext("dataset/pubDate")
    except ParseError:
        return None


def _crate_of(member: Member, version: Version) -> Member:
    """Return the packed crate of an earlier version."""
    pid, (size, checksum, _) = version.files[member.path]
    return member._replace(pid=pid, size=int(size or 0), sha256=checksum.partition(",")[2], obsoletes=None)


def _version(node: Node, pid: str | None) -> Version | None:
    """Read a version, or return None if it does not exist."""
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
    """Return the map of a version, or of the latest earlier one with a map and the same access, or None."""
    while state is not None:
        if node.describe(map_id(state.pid)):
            return map_id(state.pid)
        earlier = node.state(state.obsoletes) if state.obsoletes else None
        state = earlier if earlier and earlier.is_public == state.is_public else None
    return None
