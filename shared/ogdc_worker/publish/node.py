"""Uploading a published result to a DataONE member node, as the command `publish` does.

The result is already on the volume and stays there in any case. A retry continues where the previous try
stopped. The message names failures that a new token or a later retry would fix.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared import layout
from ogdc_shared.dataone.node_address import checked_url, landing_page
from ogdc_shared.dataone.token import Token, read_token
from ogdc_shared.dataone.words import Words
from ogdc_shared.digests import digest
from ogdc_shared.errors import (
    ConflictError,
    ForbiddenError,
    IntegrityError,
    InvalidRequestError,
    OgdcError,
    PublishError,
    SourceUnavailableError,
    TokenExpiredError,
    UnauthenticatedError,
    UnavailableError,
)
from ogdc_shared.provenance.recipe_copy import shown_content
from ogdc_shared.publication.account import Origin, read_account
from ogdc_shared.publication.checking import problems
from ogdc_shared.publication.describing import DATA
from ogdc_shared.publication.package import LEDGER
from ogdc_shared.publication.publishing import Target, publish_result
from ogdc_shared.published_package import PublishedPackage
from ogdc_shared.removal import remove
from ogdc_shared.trees import write_durably
from ogdc_shared.walking import walk
from ogdc_worker.publish.provenance import read_description

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ogdc_shared.publication.package import Package
    from ogdc_shared.publication.sending import Sent
    from ogdc_worker.publish.publication import Publication
    from ogdc_worker.report import Reporter

_STATES: tuple[tuple[type[OgdcError], str], ...] = (
    (TokenExpiredError, "token_expired"),
    (UnauthenticatedError, "token_missing"),
    (ForbiddenError, "token_refused"),
    (ConflictError, "published_before"),
    (UnavailableError, "node_unavailable"),
)
"""State that the message of a failure names, by the type of error; otherwise `package_refused`."""


class _VolumeResult(NamedTuple):
    """A result on the workflow volume; see `publication.account.Result`."""

    publication: Publication
    directory: str
    """Directory in which its package is built."""

    @property
    def run(self) -> str:
        return self.publication.run

    @property
    def is_described_anew(self) -> bool:
        return False

    @property
    def _published(self) -> str:
        return f"{self.publication.volume}/{self.publication.recipe_id}"

    def crate(self, _into: Path) -> Path:
        found = Path(self._published, layout.PROVENANCE)
        if not (found / layout.CRATE_METADATA).is_file():
            raise InvalidRequestError(
                f"The result of {self.run} has no provenance, which a package requires. The run's warnings "
                "give the reason."
            )
        return found

    def origin(self, crate: Path) -> Origin:
        with open(self.publication.data_set_path, "rb") as file:
            content = file.read()
        if digest(content) != self.publication.data_set:
            raise IntegrityError(
                "The metadata of this run's package are not what was submitted (their digest is "
                f"{digest(content)[:16]} instead of {str(self.publication.data_set)[:16]}): something was "
                "changed in the artifact store. Nothing was sent. Tell the operator, and submit again."
            )
        account = read_account(crate, self.run)
        if account.run_id != read_description(self.publication).run_id:  # a command wrote this crate
            raise InvalidRequestError(
                f"{layout.PROVENANCE} in the result describes run {account.run_id}, not {self.run}, so a "
                "command wrote it. Have the recipe use another name, and submit it again."
            )
        return Origin(account, Words.from_json(content))

    def program(self, _crate: Path, origin: Origin) -> bytes:
        return shown_content(self.publication.recipe, os.path.normpath(origin.recipe.program))

    def paths(self) -> Iterator[str]:
        with suppress(FileExistsError):
            os.symlink(f"../../../{self.publication.recipe_id}", f"{self.directory}/{DATA}")
        for name, entry in sorted(walk(self._published)):
            if not name.isprintable():  # also names that are not UTF-8, which no document can contain
                raise InvalidRequestError(
                    f"The name of the output {name!r} has characters that a package cannot contain. Rename "
                    "it in the recipe."
                )
            if entry.is_symlink():
                raise InvalidRequestError(
                    f"The output {name!r} is a link, and packages contain only files. Have the recipe copy "
                    "the file."
                )
            if entry.is_file(follow_symlinks=False):
                yield name

    def bring(self, _path: str, _file: Path) -> None:
        """Do nothing: `paths` makes a link to the data."""


def send_to_node(publication: Publication, reporter: Reporter) -> None:
    """Upload a package of the published result, and record its identifiers.

    Raises:
        PublishError: that is not possible; the result stays published on the volume.
        SourceUnavailableError: the node does not respond.
        IntegrityError: the task's input artifacts are not what was submitted.
        OSError: the volume cannot be used.
    """
    try:
        package = _send(publication, reporter)
    except (IntegrityError, PublishError):
        raise
    except OgdcError as exc:
        state = next((name for kind, name in _STATES if isinstance(exc, kind)), "package_refused")
        raised = SourceUnavailableError if isinstance(exc, UnavailableError) else PublishError
        raise raised(
            f"The result is published on the workflow volume, but not yet at {publication.node} ({state}): "
            f"{exc} Fix that, then continue with `ogdc-runner retry {publication.run}`."
        ) from exc
    if package.exposure:
        reporter.warn("public_at_node", package.exposure)
    page = landing_page(str(publication.node), package.metadata_id)
    published = PublishedPackage(package.metadata_id, package.series, page)
    write_durably(publication.package_path, published.to_json().encode())
    reporter.event("package_unchanged" if package.is_old else "package_sent", **published._asdict())


def _send(publication: Publication, reporter: Reporter) -> Package:
    url = checked_url(str(publication.node))
    directory = f"{publication.volume}/{layout.package(publication.run)}"
    if not os.path.lexists(f"{directory}/{LEDGER}"):  # too little to continue from
        remove(directory)
    os.makedirs(directory, exist_ok=True)
    target = Target(url, partial(_token, publication, url), overwrite=publication.overwrite)
    sent = total = 0

    def agree(package: Package) -> bool:
        nonlocal total
        total = len(package.members)
        if found := list(problems(package, Path(directory))):
            raise InvalidRequestError(" ".join(found[:10]))
        if package.coverage_problem:
            reporter.warn("outside_coverage", package.coverage_problem)
        return True

    def count(each: Sent) -> None:
        nonlocal sent
        sent += 1
        reporter.progress(sent, total)
        reporter.event("object_sent", name=each.member.path, identifier=each.member.pid, new=each.is_new)

    result = _VolumeResult(publication, directory)
    package = publish_result(result, Path(directory), target, agree=agree, on_sent=count)
    assert package is not None
    try:
        Path(directory, LEDGER).unlink(missing_ok=True)  # first, as it marks a complete package
        remove(directory)
    except OSError as exc:
        reporter.event("left_behind", place=layout.package(publication.run), reason=str(exc))
    return package


def _token(publication: Publication, url: str) -> Token:
    """Read the deployment's token again, since it may have been renewed."""
    try:
        with open(f"{publication.token}/{layout.NODE_TOKEN}", encoding="utf-8", errors="replace") as file:
            text = file.read().strip()
    except OSError:
        text = ""
    if not text:
        raise UnauthenticatedError(
            f"There is no token for {url}. On one machine, add a line `HOST TOKEN` to "
            f"~/.config/ogdc-runner/tokens (chmod 600). On a cluster, set the key `{layout.NODE_TOKEN}` of "
            "the Secret that OGDC_DATAONE_SECRET names."
        )
    token = read_token(text)
    token.check(now=time.time())
    return token
