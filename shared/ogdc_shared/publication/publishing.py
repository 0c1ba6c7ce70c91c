"""Publishing a result at a node: build the package, find what the node already has, upload the rest.

Both the command `publish` and the task `publish` use this.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.dataone.node import Node
from ogdc_shared.dataone.node_address import is_metacat
from ogdc_shared.dataone.system_metadata import orcid_subject
from ogdc_shared.errors import ConflictError, InvalidRequestError
from ogdc_shared.file_lock import try_lock
from ogdc_shared.publication.making import make_package
from ogdc_shared.publication.node_access import connections, writers_at
from ogdc_shared.publication.sending import Sender, Sent
from ogdc_shared.publication.versions import as_version
from ogdc_shared.several import several

if TYPE_CHECKING:
    from ogdc_shared.dataone.token import Token
    from ogdc_shared.publication.account import Result
    from ogdc_shared.publication.package import Package


class Target(NamedTuple):
    """The node to publish to, and how."""

    url: str
    """URL of the node (see `node_address.checked_url`)."""
    token: Callable[[], Token]
    """Reads the token again, and returns it if it has not expired."""
    ca_file: str | None = None
    """CA certificates to trust; None means the system's."""
    overwrite: bool = False
    """Whether to replace a version that was published before."""
    parallel: int = 4
    """Number of data objects that are uploaded at a time."""


def publish_result(
    result: Result,
    directory: Path,
    target: Target,
    *,
    agree: Callable[[Package], bool],
    on_sent: Callable[[Sent], None],
) -> Package | None:
    """Publish a result as a package at a node; can be repeated.

    Args:
        result: The run's result.
        directory: Where its package is built.
        target: The node.
        agree: Called with the package before uploading; returns whether to upload it.
        on_sent: Called with each object, once it is on the node.

    Returns:
        The published package, which may be an existing version (`is_old`), or None if `agree` returned False.
    """
    subject = target.token().subject  # checks the token before gigabytes are fetched
    with _alone(directory), connections(target.url, most=target.parallel + 1, ca_file=target.ca_file) as http:
        package = make_package(result, directory)
        node = Node(target.url, token=target.token, http=http)
        _check_sizes(package, target.url)
        package = as_version(package, directory, node, result, overwrite=target.overwrite)
        if package.is_old:
            return package
        if not agree(package):
            return None
        writers = writers_at(target.url, holder=orcid_subject(package.owner), subject=subject)
        sender = Sender(package, directory, node, writers=writers, parallel=target.parallel)
        for sent in sender.send():
            on_sent(sent)
    return package


def _check_sizes(package: Package, url: str) -> None:
    """Refuse empty objects before the upload if the node would reject them in the middle of it.

    Source: Metacat 3.3.0, which rejects system metadata with a size of 0.
    """
    empty = [member.path for member in package.members if member.size == 0]
    if empty and is_metacat(url):
        raise InvalidRequestError(
            f"{several(empty)} {'is' if len(empty) == 1 else 'are'} empty, and {url} rejects empty objects. "
            "Have the recipe remove empty files. Nothing was sent."
        )


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory, so that only one process publishes from it.

    Raises:
        ConflictError: another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    opened = os.open(directory, os.O_RDONLY)
    try:
        if not try_lock(opened):
            raise ConflictError(f"Another process is publishing {directory}. Wait until it has ended.")
        yield
    finally:
        os.close(opened)
