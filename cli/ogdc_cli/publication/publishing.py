"""Publishing a run's result at a node: making the package, finding what is there, sending what is not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ogdc_cli.publication.access import connections, find_token, writers_at
from ogdc_cli.publication.making import make_package
from ogdc_cli.publication.sending import Sender, Sent
from ogdc_cli.publication.versions import as_version
from ogdc_shared.dataone.node import Node
from ogdc_shared.dataone.node_address import checked_url, is_production
from ogdc_shared.dataone.system_metadata import orcid_subject
from ogdc_shared.errors import ConflictError, InvalidRequestError
from ogdc_shared.file_lock import try_lock

if TYPE_CHECKING:
    from ogdc_cli.api import ApiClient
    from ogdc_cli.publication.package import Package

PACKAGES = Path("ogdc-packages")
"""Where packages are made, a directory for each run."""


class Wanted(NamedTuple):
    """What a user wants to have published, and how."""

    run: str
    node: str
    """The node's URL."""
    directory: Path
    metadata: Path | None = None
    """See `account.metadata_of`."""
    overwrite: bool = False
    """Whether it may take the place of a version that was published before."""
    parallel: int = 4
    """Data objects that are sent at a time."""
    is_agreed: bool = False
    """Whether the user needs not be asked again."""


def publish(
    client: ApiClient,
    wanted: Wanted,
    *,
    agree: Callable[[Package], bool],
    on_sent: Callable[[Sent], None],
) -> Package | None:
    """Have a run's result be a package of a node, however often this is begun.

    Args:
        client: Of the deployment that has the run.
        wanted: What is published where.
        agree: Shows the package, and says whether it is to be sent.
        on_sent: Called with each object, once it is there.

    Returns:
        What is published; None: it was not agreed to.
    """
    url = checked_url(wanted.node)
    _need_somebody(url, wanted)
    token = partial(find_token, url)
    subject = token().subject  # a token that is over, or missing, is told of before gigabytes are fetched
    with _alone(wanted.directory), connections(url, most=wanted.parallel) as http:
        package = make_package(client, wanted.run, wanted.directory, metadata=wanted.metadata)
        node = Node(url, token=token, http=http)
        package = as_version(
            package, wanted.directory, node, metadata=wanted.metadata, overwrite=wanted.overwrite
        )
        if not agree(package):
            return None
        writers = writers_at(url, holder=orcid_subject(package.owner), subject=subject)
        sender = Sender(package, wanted.directory, node, writers=writers, parallel=wanted.parallel)
        for sent in sender.send():
            on_sent(sent)
    return package


def _need_somebody(url: str, wanted: Wanted) -> None:
    """Refuse what nobody could be asked about."""
    if is_production(url) and not wanted.is_agreed and not sys.stdin.isatty():
        raise InvalidRequestError(
            f"What is published at {url} stays there, and nobody is here to be asked. Look at it by "
            f"--dry-run DIRECTORY, and give --yes. Nothing was sent."
        )


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Be the only one to publish from a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    opened = os.open(directory, os.O_RDONLY)
    try:
        if not try_lock(opened):
            raise ConflictError(
                f"{directory} is being published by another process. Wait until it has ended."
            )
        yield
    finally:
        os.close(opened)
