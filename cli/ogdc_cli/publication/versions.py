"""Versions of a published data set: which is the newest, and what of it a new one has in common with it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree import ElementTree

from ogdc_cli.publication.describing import describe_again
from ogdc_cli.publication.package import Version
from ogdc_shared.dataone.identifiers import map_id, resolve_url
from ogdc_shared.dataone.xml_reading import parse
from ogdc_shared.errors import ConflictError, InvalidRequestError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from ogdc_cli.publication.package import Package
    from ogdc_shared.dataone.node import Node, State

_MAX_METADATA = 64 << 20
_RESOLVE = resolve_url("")
_PARALLEL = 8
"""Files that are asked for at a time."""


def as_version(
    package: Package, directory: Path, node: Node, *, metadata: Path | None, overwrite: bool
) -> Package:
    """Make a package what it has to be on a node: the first version, the next, or the one that it is there.

    Args:
        package: A whole one.
        directory: Where it is; what is described anew is written there.
        node: Where to.
        metadata: See `account.metadata_of`.
        overwrite: Whether it may take the place of a version that was published before.

    Raises:
        ConflictError: it may not.
    """
    again = partial(describe_again, package, directory, metadata=metadata)
    newest = node.state(package.series)
    if newest is None:
        return package if package.obsoletes is None else again()
    if newest.pid in {package.metadata_id, package.obsoletes}:
        return package
    made = again(before=_version(node, newest.obsoletes))
    if made.metadata_id == newest.pid:  # published by somebody who lost, or never had, this directory
        return made
    if not overwrite:
        raise ConflictError(
            f"The data set was published at {node.url} before, as {newest.pid}. --overwrite publishes this "
            "result as its newest version; those before stay readable by their identifiers."
        )
    return again(before=_version(node, newest.pid))


def _version(node: Node, pid: str | None) -> Version | None:
    """Read a version; None: there is none."""
    state = node.state(pid) if pid else None
    if state is None:
        return None
    entities = dict(_entities(_parsed(node, state.pid)))
    with ThreadPoolExecutor(_PARALLEL) as workers:
        described = workers.map(node.describe, entities.values())
        files = {
            path: (pid, found)
            for (path, pid), found in zip(entities.items(), described, strict=True)
            if found is not None
        }
    return Version(state.pid, _map_of(node, state), state.is_public, files)


def _map_of(node: Node, state: State | None) -> str | None:
    """The map of a version, or of the last one before that has one."""
    while state is not None:
        if node.describe(map_id(state.pid)):
            return map_id(state.pid)
        state = node.state(state.obsoletes) if state.obsoletes else None
    return None


def _parsed(node: Node, pid: str) -> Element:
    try:
        return parse(node.read(pid, limit=_MAX_METADATA))
    except ElementTree.ParseError as exc:
        raise InvalidRequestError(f"{pid} at {node.url} is no metadata in EML ({exc}).") from exc


def _entities(root: Element) -> Iterator[tuple[str, str]]:
    """Path and identifier of each file that metadata tell of."""
    for element in root.iter():
        name, url = element.findtext("entityName"), element.findtext("physical/distribution/online/url")
        if name and url and url.startswith(_RESOLVE):
            yield name, unquote(url.removeprefix(_RESOLVE))
