"""Versions of a published data set: which is the newest, and what of it a new one has in common with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ogdc_shared.dataone.identifiers import map_id
from ogdc_shared.errors import ConflictError
from ogdc_shared.inputs.dataone_maps import mapped_data
from ogdc_shared.publication.describing import describe_again
from ogdc_shared.publication.package import Version

if TYPE_CHECKING:
    from ogdc_shared.dataone.node import Node, State
    from ogdc_shared.publication.account import Result
    from ogdc_shared.publication.package import Package

_MAX_MAP = 64 << 20
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
    """
    again = partial(describe_again, package, directory, result)
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
    resource_map = _map_of(node, state)
    listed = mapped_data(node.read(resource_map, limit=_MAX_MAP)) if resource_map else {}
    with ThreadPoolExecutor(_PARALLEL) as workers:
        described = workers.map(node.describe, listed)
        files = {
            path: (pid, found)
            for (pid, path), found in zip(listed.items(), described, strict=True)
            if found is not None and path is not None
        }
    return Version(state.pid, resource_map, state.is_public, files)


def _map_of(node: Node, state: State | None) -> str | None:
    """The map of a version, or of the last one before that has one."""
    while state is not None:
        if node.describe(map_id(state.pid)):
            return map_id(state.pid)
        state = node.state(state.obsoletes) if state.obsoletes else None
    return None
