"""Companions of a result: its provenance (`provenance`) and its STAC catalogue (`catalog`).

Each is a hidden directory, since it is not an output. A failure to make one is only a warning.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared import layout
from ogdc_shared.forks import forked, may_fork
from ogdc_shared.removal import remove
from ogdc_shared.trees import flush
from ogdc_shared.walking import is_directory, walk
from ogdc_worker.publish.catalog import write_catalog_of
from ogdc_worker.publish.provenance import write_crate_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from ogdc_worker.publish.publication import Publication
    from ogdc_worker.report import Reporter

    Writer = Callable[[Publication, str, Container[str]], None]
    """Writes a companion to an empty directory, given the names of everything that is published."""

_MANY = 200
"""Number of partitions that make it worthwhile to write the crate in a process of its own."""


class _Companion(NamedTuple):
    name: str
    """Name in the result."""
    subject: str
    write: Writer

    @property
    def warning(self) -> str:
        """Kind of the warning if it could not be made."""
        return f"{self.name.removeprefix('.')}_not_kept"

    def place(self, publication: Publication) -> str:
        """Return where it is made, which tasks that run commands cannot see."""
        return f"{publication.volume}/{layout.workspace(publication.run)}/{self.name.removeprefix('.')}"


_CRATE = _Companion(layout.PROVENANCE, "how the result came to be", write_crate_of)
_COMPANIONS = (
    _CRATE,
    _Companion(layout.STAC, "where on the Earth the result lies", write_catalog_of),
)


@contextmanager
def crate_begun(publication: Publication) -> Iterator[Writer]:
    """Start to write the crate of a run of many partitions in another process; yield what finishes it."""
    count = sum(partitions for _, partitions in publication.stages())
    if count < _MANY or not may_fork() or not os.path.isfile(publication.description):
        yield write_crate_of
        return
    ahead = f"{_CRATE.place(publication)}.ahead"

    def finish(publication: Publication, directory: str, names: Container[str]) -> None:
        try:
            result()
        except OSError:  # the process may have been killed
            write_crate_of(publication, directory, names)
        else:
            os.rename(ahead, directory)

    with forked(partial(_write_ahead, publication, ahead)) as result:
        yield finish


def _write_ahead(publication: Publication, directory: str) -> None:
    remove(directory)
    os.makedirs(directory)
    write_crate_of(publication, directory, ())


def make_companions(
    publication: Publication, reporter: Reporter, names: Container[str], write_crate: Writer = write_crate_of
) -> dict[str, str]:
    """Write the companions of a result beside its workspaces.

    Args:
        publication: What is published.
        reporter: Receives warnings.
        names: Names of everything that is published.
        write_crate: As `crate_begun` yields it.

    Returns:
        Name in the result → path, for each file and directory.
    """
    if not os.path.isfile(publication.description):  # a workflow of an earlier version, or it was removed
        reporter.event("provenance_not_kept", reason="the description of the run is missing")
        return {}
    for companion in _COMPANIONS:
        begun = companion._replace(write=write_crate) if companion is _CRATE else companion
        _make(begun, publication, reporter, names)
    return dict(_members(publication))


def flush_companions(publication: Publication) -> None:
    """Flush the companions to disk."""
    for companion in _COMPANIONS:
        if is_directory(companion.place(publication)):
            flush(companion.place(publication))


def move_companions(publication: Publication, target: str) -> None:
    """Move the companions to a directory, unless an earlier attempt has done so."""
    for companion in _COMPANIONS:
        place = companion.place(publication)
        if is_directory(place):
            os.rename(place, f"{target}/{companion.name}")


def _make(companion: _Companion, publication: Publication, reporter: Reporter, names: Container[str]) -> None:
    if companion.name in names:
        reporter.warn(
            companion.warning,
            f"A command wrote {companion.name!r}, which is reserved for the description of "
            f"{companion.subject}. So the result lacks this description. Use another name.",
        )
        return
    directory = companion.place(publication)
    try:
        remove(directory)
        os.makedirs(directory)
        companion.write(publication, directory, names)
        if not os.listdir(directory):
            os.rmdir(directory)
    except Exception as exc:  # commands can write anything into the facts
        reporter.warn(
            companion.warning,
            f"The result is complete, but the description of {companion.subject} could not be written: "
            f"{type(exc).__name__}: {exc}",
        )
        with suppress(OSError):
            remove(directory)


def _members(publication: Publication) -> Iterator[tuple[str, str]]:
    for companion in _COMPANIONS:
        directory = companion.place(publication)
        if is_directory(directory):
            yield companion.name, directory
            yield from ((f"{companion.name}/{name}", entry.path) for name, entry in walk(directory))
