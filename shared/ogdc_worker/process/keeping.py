"""Keeps the results of a task's commands, so that a later run can reuse them.

The task writes only to its own workspace, as its commands could: `kept/<command>/` for the outputs of each
command but the last. The last one's outputs stay in place, and are described by a line in the note that was
written before the first command. `publish`, or a later `reuse`, moves all of it into the store (see
`harvest`). Errors here never fail a task.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared import layout
from ogdc_shared.errors import PublishError
from ogdc_shared.open_flags import CREATE_FILE
from ogdc_shared.removal import remove
from ogdc_worker.reuse.inputs import of_all
from ogdc_worker.reuse.kept import (
    ABOUT,
    FILES,
    About,
    NotAsKeptError,
    described,
    give_names,
    read_note,
)
from ogdc_worker.reuse.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ogdc_shared.plan import InputFile, Plan
    from ogdc_worker.process.checkpoint import Checkpoint
    from ogdc_worker.process.journal import Journal
    from ogdc_worker.process.paths import ProcessPaths
    from ogdc_worker.reuse.kept import KeptFile

_COPIED_BELOW = 16 << 20
"""Smaller outputs are copied, because the next command may modify them in place. Larger ones (bytes) get a
hard link, which takes no space; if one is modified, its checksum no longer matches and it is not reused."""
_MIN_FREE_SHARE, _MIN_FREE_BYTES = 0.1, 5 << 30
"""Free disk space that is left to others: the smaller of the two."""
_BESIDE = (layout.CHECKPOINT, layout.JOURNAL, layout.MISSING)
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_UNKNOWN = (OSError, ValueError, NotAsKeptError, PublishError)


class Keeper:
    """Keeps the results of one partition's commands."""

    def __init__(
        self,
        plan: Plan,
        files: tuple[InputFile, ...],
        *,
        paths: ProcessPaths,
        checkpoint: Checkpoint,
        journal: Journal,
    ) -> None:
        """Store the arguments; the plan must have `reuse` set."""
        self._plan = plan
        self._files = files
        self._paths = paths
        self._checkpoint = checkpoint
        self._journal = journal
        self._note = f"{paths.workspace}/{layout.REUSE_NOTE}"
        self._kept = f"{paths.workspace}/{layout.KEPT}"
        self._known: Keys | None = None
        self.written: tuple[KeptFile, ...] = ()
        """The outputs of the last command, as they were read to be kept; empty if they were not kept."""
        self._last: About | None = None

    def before(self, step: str) -> None:
        """Before the first command, write the note with its keys; a retry finds the note of the first try."""
        if step == "run 1" and not os.path.lexists(self._note):
            with self._harmlessly():
                keys, inputs = self._keys(), [*self._validators()]
                moment = self._known.moment if self._known else ""
                _write_text(self._note, json.dumps({"keys": keys, "inputs": inputs, "moment": moment}))

    def after(self, step: str) -> None:
        """After a command other than the last, keep its outputs."""
        word, _, number = step.partition(" ")
        if word == "run" and int(number) < len(self._plan.commands):
            with self._harmlessly():
                self._keep_between(int(number))

    def at_end(self) -> None:
        """Describe the outputs of the last command."""
        with self._harmlessly():
            number = len(self._plan.commands)
            if key := self._key(number):
                self.written = described(self._paths.outputs, most=self._reuse.most)
                self._last = About(key, number, tuple(self._checkpoint.finished), self.written, whole=True)

    def conclude(self) -> None:
        """Note the outputs of the last command, after everything else that a later run reuses was written.

        If a task was killed before this, its outputs are never mistaken for a whole result.
        """
        with self._harmlessly():
            if self._last:
                with open(os.open(self._note, _APPEND), "w", encoding="utf-8") as file:
                    file.write(f"\n{self._last.to_json()}")

    @property
    def _reuse(self) -> Any:
        return self._plan.reuse

    def _keep_between(self, number: int) -> None:
        key, place = self._key(number), f"{self._kept}/{number}"
        if key is None or os.path.lexists(place):
            return
        files = described(self._paths.outputs, most=self._reuse.most)
        copied = sum(file.size for file in files if file.size < _COPIED_BELOW)
        if not _has_room(self._paths.workspace, copied):
            return
        draft = f"{self._kept}/draft"
        remove(draft)
        os.makedirs(draft)
        give_names(files, self._paths.outputs, f"{draft}/{FILES}", above=_COPIED_BELOW)
        about = About(key, number, tuple(self._checkpoint.finished), files)
        _write_text(f"{draft}/{ABOUT}", about.with_beside(self._paths.workspace, _BESIDE).to_json())
        os.rename(draft, place)

    def _key(self, number: int) -> str | None:
        """Return the key of a command's result, or None if it must not be reused.

        The note was written before the first command, and its keys must still hold. If `harvest` sees the
        same files, it checks once for all partitions whether the programs are unchanged.
        """
        if number > self._reuse.commands or self._lacks_items():
            return None
        note = read_note(self._note)[0]
        noted, found = note.get("keys"), self._keys(named_only=bool(note.get("moment")))
        return found[number - 1] if found and noted and noted[:number] == found[:number] else None

    def _lacks_items(self) -> bool:
        """Whether failed items are missing from the result; another try may not lack them."""
        if self._plan.allowed_failures is None:
            return False
        from ogdc_worker.missing_items import count_missing

        try:
            return count_missing(self._paths.workspace, before=len(self._plan.commands) + 1) > 0
        except (TypeError, KeyError, AttributeError, RecursionError):  # commands can write this file
            return True

    def _keys(self, *, named_only: bool = False) -> list[str] | None:
        inputs = of_all(self._files, recipe=self._paths.recipe, fetched=self._fetched())
        if inputs is None:
            return None
        if self._known is None:
            self._known = Keys(self._plan, os.environ)
        elif not self._known.hold(named_only=named_only):
            return None
        return self._known.of(inputs)

    def _fetched(self) -> dict[str, tuple[str, str]]:
        found = {}
        for entry in self._journal.entries():
            if entry.get("event") == "fetched" and str(entry.get("checksum", "")).startswith("sha256:"):
                found[str(entry["source"])] = str(entry["name"]), str(entry["checksum"])
        return found

    def _validators(self) -> Iterator[dict[str, Any]]:
        """Yield for each URL how to check later, without fetching it, whether it has changed."""
        answers: dict[str, dict[str, Any]] = {}
        for entry in self._journal.entries():
            if entry.get("event") in {"validators", "fetched"} and isinstance(entry.get("source"), str):
                answers.setdefault(entry["source"], {}).update(entry)
        fetched = self._fetched()
        for file in self._files:
            if file.kind != "url" or file.source not in fetched:
                continue
            from ogdc_worker.reuse.remembered import request_digest  # only imported if needed

            entry = answers.get(file.source, {})
            known = {name: str(entry.get(name, "")) for name in ("etag", "modified", "size")}
            if known["etag"] or known["modified"] or file.checksum:
                place, checksum = fetched[file.source]
                yield {"request": request_digest(file), "place": place, "checksum": checksum} | known

    def _harmlessly(self) -> suppress:
        return suppress(*_UNKNOWN)


def _has_room(directory: str, size: int) -> bool:
    disk = os.statvfs(directory)
    left = min(_MIN_FREE_SHARE * disk.f_blocks * disk.f_frsize, _MIN_FREE_BYTES)
    return disk.f_bavail * disk.f_frsize - size > left


def _write_text(path: str, text: str) -> None:
    """Write a new file, and replace anything that a command has put in its place."""
    remove(path)
    with open(os.open(path, CREATE_FILE, 0o644), "w", encoding="utf-8") as file:
        file.write(text)
