"""`ogdc-worker reuse`: reuse earlier results for a run's partitions, before any of their tasks starts.

For each partition, this puts the result of as many commands as possible into its workspace, with the
checkpoint of the task that produced it. If all commands are done, the run has no task for this partition.
Otherwise its task continues as if it had been stopped after these commands. The workspaces are prepared in
another directory, which is then renamed.

Like `publish`, this task can read the whole volume, and runs no commands. An error here does not fail the
run: the commands of a partition are run if their results cannot be reused.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import time
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared import layout
from ogdc_shared.digests import digest, root_of
from ogdc_shared.errors import NO_ROOM, IntegrityError, OgdcError
from ogdc_shared.forks import in_processes, shares_of
from ogdc_shared.plan import Partition, manifests_of, split_pack
from ogdc_shared.removal import remove
from ogdc_worker.expected import Expected, check_recipe, read_plan
from ogdc_worker.reuse.facts import taken_facts
from ogdc_worker.reuse.harvest import harvest
from ogdc_worker.reuse.inputs import of_all
from ogdc_worker.reuse.kept import NotAsKeptError
from ogdc_worker.reuse.keys import Keys
from ogdc_worker.reuse.linked import linked_note
from ogdc_worker.reuse.remembered import Remembered
from ogdc_worker.reuse.store import Entry, Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from ogdc_shared.plan import Plan
    from ogdc_worker.report import Reporter

_SHARE = 200
"""Minimum number of partitions that are worth a process of their own."""
_UNTAKEN = (OSError, ValueError, KeyError, NotAsKeptError, OgdcError)


class _UnfitError(Exception):
    """The partition cannot continue from an entry of a finished one: the last step changed the workspace."""


class _Files(NamedTuple):
    """The files that one process writes for all of its partitions."""

    facts: IO[bytes]
    linked: IO[bytes]
    """What `publish` reads as `layout.LINKED`."""


class ReusePaths(NamedTuple):
    """Paths that the task reads and writes; see `layout`."""

    volume: str = layout.WORKFLOW_MOUNT
    plan: str = layout.PLAN_PATH
    packs: str = layout.PACKS_PATH
    recipe: str = layout.RECIPE_PATH
    credentials: str = layout.CREDENTIALS_PATH
    left: str = layout.LEFT_PATH
    reused: str = layout.REUSED_COUNT_PATH
    account: str = layout.REUSED_PATH
    facts: str = layout.REUSED_FACTS_PATH


class Taken(NamedTuple):
    """The result that was reused for a partition."""

    run: str
    """The run that produced it."""
    commands: int
    whole: bool
    begin: int = 0
    """The offset of the facts of its task in the file of all reused facts."""
    size: int = 0
    """The size of these facts in bytes."""


def reuse(
    paths: ReusePaths,
    reporter: Reporter,
    *,
    run: str,
    scope: str,
    earlier: tuple[str, ...],
    expected: Expected,
) -> None:
    """Reuse known results.

    Args:
        paths: The paths to use.
        reporter: Reports what was reused.
        run: The run's name.
        scope: The scope of results that the run may reuse.
        earlier: Failed or stopped runs whose workspaces may hold results that they kept.
        expected: The digests that the workflow expects of the task's inputs.

    Raises:
        IntegrityError: the inputs are not the expected ones.
        OSError: the list of remaining partitions cannot be written.
    """
    started = time.monotonic()
    plan = read_plan(paths.plan, expected)
    check_recipe(paths.recipe, plan)
    assert plan.reuse is not None
    store = Store(f"{paths.volume}/{layout.reuse_store(scope)}")
    for name in earlier:
        workspaces = [*_workspaces(paths.volume, name)]
        for _ in harvest(store, name, workspaces):
            pass
    partitions = [*_partitions(paths.packs, expected)]
    draft = store.draft()
    try:
        with open(paths.facts, "wb") as facts, open(f"{draft}/{layout.LINKED}", "wb") as linked:
            taking = _Taking(plan, store, paths, run, draft=draft)
            taken = taking.of_all(partitions, _Files(facts, linked))
        _show(draft, f"{paths.volume}/{layout.workspace(run)}")
    finally:
        remove(draft)
    left = [each.number for each in partitions if not (found := taken.get(each.number)) or not found.whole]
    _write(paths.left, left)
    _write(paths.reused, len(partitions) - len(left))
    _write(paths.account, {number: list(found) for number, found in taken.items()})
    reporter.event(
        "reused",
        partitions=len(partitions) - len(left),
        begun=len(taken) - (len(partitions) - len(left)),
        of=len(partitions),
        runs=sorted({found.run for found in taken.values()}),
        seconds=round(time.monotonic() - started, 3),
    )


def _show(draft: str, workspace: str) -> None:
    """Make the draft the run's workspace, replacing what an earlier attempt of this task left there."""
    os.makedirs(os.path.dirname(workspace), exist_ok=True)
    try:
        os.rename(draft, workspace)
    except OSError as exc:
        if exc.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        remove(f"{workspace}/{layout.LINKED}")
        for name in os.listdir(draft):
            remove(f"{workspace}/{name}")
            os.rename(f"{draft}/{name}", f"{workspace}/{name}")


class _Taking:
    """Reuses known results for the partitions of one run."""

    def __init__(self, plan: Plan, store: Store, paths: ReusePaths, run: str, *, draft: str) -> None:
        assert plan.reuse is not None
        self._plan = plan
        self._reuse = plan.reuse
        self._store = store
        self._paths = paths
        self._run = run
        self._draft = draft
        self._keys = Keys(plan, os.environ)

    def of_all(self, partitions: list[Partition], files: _Files) -> dict[int, Taken]:
        """Return what was reused by the number of its partition; many partitions take several processes."""
        fetched, shares = self._fetched(partitions), shares_of(partitions, least=_SHARE)
        with ExitStack() as stack:
            of_others = [
                _Files(*(stack.enter_context(tempfile.TemporaryFile()) for _ in _Files._fields))
                for _ in shares[1:]
            ]
            written = zip(shares, [files, *of_others], strict=True)
            taken, *others = in_processes(
                *(partial(self._of_share, share, fetched, each) for share, each in written)
            )
            for more, theirs in zip(others, of_others, strict=True):
                taken |= _appended(more, theirs, files)
        return taken

    def _of_share(
        self, partitions: Sequence[Partition], fetched: dict[str, tuple[str, str]], files: _Files
    ) -> dict[int, Taken]:
        found = {}
        for partition in partitions:
            with suppress(*_UNTAKEN):
                taken = self._of(partition, fetched, files)
                if taken is not None:
                    found[partition.number] = taken
        for file in files:
            file.flush()
        return found

    def _fetched(self, partitions: list[Partition]) -> dict[str, tuple[str, str]]:
        files = [file for each in partitions for file in each.files if file.kind == "url"]
        if not files:
            return {}
        from ogdc_shared.servers.credentials import Credentials
        from ogdc_shared.servers.web import Web

        known = Credentials.read(self._paths.credentials) if os.path.isdir(self._paths.credentials) else None
        return Remembered(self._store.directory, Web(threads=6, credentials=known)).known(files)

    def _of(self, partition: Partition, fetched: dict[str, tuple[str, str]], files: _Files) -> Taken | None:
        inputs = of_all(partition.files, recipe=self._paths.recipe, fetched=fetched)
        if inputs is None:
            return None
        keys = self._keys.of(inputs)
        is_sampled = self._is_sampled(partition.number)
        for key in reversed(keys):
            entry = self._store.find(key)
            if entry is None:
                continue
            if is_sampled:
                self._mark_sampled(partition.number)
                return None
            try:
                return self._put(entry, partition.number, keys, files)
            except _UnfitError:
                continue
            except (OSError, ValueError, NotAsKeptError) as exc:
                if isinstance(exc, OSError) and exc.errno in NO_ROOM:
                    raise  # what is kept is as good as before
                self._store.drop(key)
        return None

    def _is_sampled(self, number: int) -> bool:
        """Whether a partition is run although its result is known: another for each run."""
        share = int(digest(f"{self._run} {number}".encode())[:8], 16) / 0x1_0000_0000
        return share < self._reuse.checked

    def _mark_sampled(self, number: int) -> None:
        place = f"{self._draft}/{number}"
        os.mkdir(place)
        _write(f"{place}/{layout.SAMPLED}", True)

    def _put(self, entry: Entry, number: int, keys: list[str], files: _Files) -> Taken:
        """Put a result into what will be a partition's workspace."""
        about, last = entry.about, len(self._plan.commands)
        is_whole = about.whole and about.commands == last
        begin, facts, place = files.facts.tell(), b"", f"{self._draft}/{number}"
        os.mkdir(place)
        try:
            linked = self._store.take(entry, f"{place}/output_dir", linked=is_whole)
            if (account := entry.read(layout.MISSING)) is not None:
                _write_bytes(f"{place}/{layout.MISSING}", account)
            if is_whole:
                facts = self._put_end(entry, place, number)
            else:
                self._put_middle(entry, place, keys)
            files.facts.write(facts)
            if linked:
                files.linked.write(linked_note(number, linked))
        except BaseException:
            remove(place)
            raise
        return Taken(about.run, about.commands, is_whole, begin, len(facts))

    def _put_end(self, entry: Entry, place: str, number: int) -> bytes:
        """Put what `publish` reads of a task that has ended; returns its facts."""
        if (warnings := entry.read(layout.WARNINGS)) is not None:
            _write_bytes(f"{place}/{layout.WARNINGS}", warnings)
        kept, about = entry.read(layout.FACTS), entry.about
        if kept is None:
            raise NotAsKeptError("its task was stopped before it reported what it did")
        facts = taken_facts(kept, partition=number, run=about.run, commands=about.commands)
        _write_bytes(f"{place}/{layout.FACTS}", facts)
        return facts

    def _put_middle(self, entry: Entry, place: str, keys: list[str]) -> None:
        about = entry.about
        lines = (entry.read(layout.CHECKPOINT) or b"").split(b"\n")
        steps = [*map(_step, lines)]
        if b"copy" in steps:
            raise _UnfitError
        ended = steps.index(f"run {about.commands}".encode())
        os.mkdir(f"{place}/input_dir")
        _write_bytes(f"{place}/{layout.CHECKPOINT}", b"\n".join(lines[: ended + 1]) + b"\n")
        reused = {"event": "reused", "run": about.run, "commands": about.commands}
        journal = (entry.read(layout.JOURNAL) or b"") + json.dumps(reused).encode() + b"\n"
        _write_bytes(f"{place}/{layout.JOURNAL}", journal)
        note = {"keys": keys, "inputs": [], "moment": self._keys.moment}
        _write(f"{place}/{layout.REUSE_NOTE}", note)


def _appended(taken: dict[int, Taken], theirs: _Files, files: _Files) -> dict[int, Taken]:
    """Append what another process wrote, and return what it reused, with the new places of its facts."""
    before = files.facts.tell()
    for source, target in zip(theirs, files, strict=True):
        source.seek(0)
        shutil.copyfileobj(source, target)
    return {number: each._replace(begin=before + each.begin) for number, each in taken.items()}


def _step(line: bytes) -> bytes:
    """The step that a line of a checkpoint says is finished."""
    return line.partition(b"\t")[0]


def _partitions(directory: str, expected: Expected) -> Iterator[Partition]:
    """Read the manifests of all partitions.

    Raises:
        IntegrityError: a pack does not belong to the run.
    """
    for name in sorted(os.listdir(directory), key=lambda name: int(name.partition(".")[0])):
        with open(f"{directory}/{name}", "rb") as file:
            pack, proof = split_pack(file.read())
        if (
            expected.partitions is not None
            and root_of(pack, json.loads(proof or b"[]")) != expected.partitions
        ):
            raise IntegrityError(
                f"The list of inputs {name} is not what was submitted: something was changed in the artifact "
                "store. Nothing was run. Tell the operator, and submit again."
            )
        yield from map(Partition.from_json, manifests_of(pack))


def _workspaces(volume: str, run: str) -> Iterator[tuple[int, str]]:
    place = f"{volume}/{layout.workspace(run)}"
    with suppress(OSError):
        for name in sorted(filter(str.isdecimal, os.listdir(place)), key=int):
            yield int(name), f"{place}/{name}"


def _write(path: str, value: object) -> None:
    _write_bytes(path, json.dumps(value).encode())


def _write_bytes(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
