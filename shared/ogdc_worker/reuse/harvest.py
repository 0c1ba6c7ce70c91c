"""Move results that tasks have kept in their workspaces to the store; done by tasks that run no command.

Commands can write to these workspaces, so what they contain is untrusted. A store therefore only has the
results of one user's runs of one recipe, and wrong results harm only that user. No link is followed, and what
does not match its description is skipped.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared import layout
from ogdc_shared.errors import PublishError
from ogdc_shared.removal import remove
from ogdc_shared.walking import is_directory
from ogdc_worker.reuse.kept import ABOUT, FILES, About, NotAsKeptError, give_names, read_note, read_plain
from ogdc_worker.reuse.linked import note_linked
from ogdc_worker.reuse.programs import Programs
from ogdc_worker.reuse.remembered import remember
from ogdc_worker.reuse.store import Store, is_as_described, linked_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BESIDE = (layout.CHECKPOINT, layout.JOURNAL, layout.FACTS, layout.WARNINGS, layout.MISSING)


class Contradiction(NamedTuple):
    """A partition that was run although its result was known, and gave a different result."""

    partition: int
    run: str
    """The run that made the known result."""


def harvest(store: Store, run: str, workspaces: Iterable[tuple[int, str]]) -> Iterator[Contradiction]:
    """Move what the tasks of a run have kept to the store.

    Args:
        store: The store of their scope.
        run: Name of the run.
        workspaces: Number and workspace of each partition.

    Yields:
        Sampled partitions with a different result; the newer result is kept.
    """
    programs = Programs(os.environ)
    programs.look()
    moment = programs.moment()
    for number, workspace in workspaces:
        with suppress(OSError, ValueError, NotAsKeptError, PublishError, AttributeError, TypeError):
            yield from _harvest(store, run, number, workspace, moment)


def _harvest(store: Store, run: str, number: int, workspace: str, moment: str) -> Iterator[Contradiction]:
    if not is_directory(workspace):
        return
    noted = f"{workspace}/{layout.REUSE_NOTE}"
    note, last = read_note(noted)
    remember(store.directory, note.get("inputs", ()))
    if note.get("moment", "") not in {"", moment}:
        return  # a program has changed since the task started
    kept = [*_kept_between(f"{workspace}/{layout.KEPT}")]
    for about, place in [*kept, (last, noted)] if last else kept:
        if not re.fullmatch("[0-9a-f]{64}", about.key):
            continue
        known = store.find(about.key)
        if known and _content(known.about) == _content(about) and known.about.whole >= about.whole:
            remove(place)
            continue
        if (
            known
            and _content(known.about) != _content(about)
            and os.path.lexists(f"{workspace}/{layout.SAMPLED}")
        ):
            yield Contradiction(number, known.about.run)
        _add(store, about._replace(run=run), place, workspace, number)


def _kept_between(kept: str) -> Iterator[tuple[About, str]]:
    """Yield the description and the path of the kept outputs of each command.

    Those of the last command stay in place; only earlier versions have a directory for them.
    """
    names = os.listdir(kept) if is_directory(kept) else []
    for name in sorted(filter(str.isdecimal, names), key=int):
        place = f"{kept}/{name}"
        content = read_plain(f"{place}/{ABOUT}") if is_directory(place) else None
        if content is not None:
            yield About.from_json(content), place


def _content(about: About) -> list[tuple[object, ...]]:
    return [(file.name, file.kind, file.size, file.what) for file in about.files]


def _add(store: Store, about: About, place: str, workspace: str, number: int) -> None:
    outputs = f"{workspace}/output_dir" if about.whole else f"{place}/{FILES}"
    if about.beside is None:
        about = about.with_beside(workspace if about.whole else place, _BESIDE)
    lacks_facts = about.whole and layout.FACTS not in (about.beside or {})
    if lacks_facts or not is_as_described(outputs, about.files):
        return
    draft = store.draft()
    try:
        if about.whole:
            give_names(about.files, outputs, f"{draft}/{FILES}")
            note_linked(os.path.dirname(workspace), number, linked_of(about.files, outputs))
        else:
            os.rename(outputs, f"{draft}/{FILES}")
        store.add(draft, about)
        remove(place)
    finally:
        remove(draft)
