"""Publishing a run's result with the user's own token."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ogdc_cli.publication.access import find_token
from ogdc_cli.publication.run_result import RunResult
from ogdc_shared.dataone.node_address import checked_url, is_production
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.publication.publishing import Target, publish_result
from ogdc_shared.tls import ca_file_of

if TYPE_CHECKING:
    from ogdc_cli.api import ApiClient
    from ogdc_shared.publication.package import Package
    from ogdc_shared.publication.sending import Sent

PACKAGES = Path("ogdc-packages")
"""Where packages are made, a directory for each run."""


class Wanted(NamedTuple):
    """What a user wants to have published, and how."""

    run: str
    node: str
    """The node's URL."""
    directory: Path
    metadata: Path | None = None
    """See `RunResult`."""
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
    """Publish a run's result as a package at a node; see `publish_result`.

    Args:
        client: Client of the deployment with the run.
        wanted: What to publish, and where.
        agree: Shows the package, and returns whether to upload it.
        on_sent: Called with each object, once it is on the node.
    """
    url = checked_url(wanted.node)
    _need_somebody(url, wanted)
    target = Target(
        url,
        partial(find_token, url),
        ca_file=ca_file_of(os.environ),
        overwrite=wanted.overwrite,
        parallel=wanted.parallel,
    )
    result = RunResult(client, wanted.run, wanted.metadata)
    return publish_result(result, wanted.directory, target, agree=agree, on_sent=on_sent)


def _need_somebody(url: str, wanted: Wanted) -> None:
    """Check that a required confirmation is possible."""
    if is_production(url) and not wanted.is_agreed and not sys.stdin.isatty():
        raise InvalidRequestError(
            f"Data published at {url} are permanent, and there is no terminal to ask for confirmation. Check "
            "the package with --dry-run DIRECTORY, then use --yes. Nothing was sent."
        )
