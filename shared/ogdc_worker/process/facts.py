"""Writes what a task fetched, ran and wrote, as one JSON document for the artifact store.

The document is written line by line, so that it need not fit in memory. The first line has totals and can be
read alone (`ogdc_shared.runs.facts`). It is followed by the commands, and one line for each fetched input,
input read from a volume, execution, output and georeferenced output. No task fails because of this document
or continues from it.

Checksums of inputs are computed while fetching. Outputs, and inputs on volumes, have to be read for that. So
only `HASHED_BYTES` of each are hashed, or all outputs if the recipe describes them as a data set.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.layout import IMAGE
from ogdc_shared.removal import remove
from ogdc_shared.walking import walk
from ogdc_worker.report import clip, now, redacted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from ogdc_shared.plan import InputFile, Plan
    from ogdc_worker.process.journal import Journal
    from ogdc_worker.reuse.kept import KeptFile

HASHED_BYTES = 256 << 20
"""Limit for hashing outputs, and for hashing inputs on volumes; takes a fifth of a second. Larger files have
no checksum."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_PLACE = frozenset({errno.ENOENT, errno.EROFS})
_FETCHED = ("source", "url", "name", "size", "checksum", "cached", "seconds")
_RAN = (
    *("number", "line", "file", "started_at", "exit_code", "failed"),
    *("seconds", "cpu_seconds", "max_memory", "timed_out"),
)
_FILE = ("source", "name", "size", "checksum")
_SHOWN_BYTES = 500
"""Bytes of a command line to keep; the plan has it in full."""
_PIECE = _LARGE = 1 << 20


class FinishedTask(NamedTuple):
    """A task that has ended, and the data that describe it."""

    plan: Plan
    partition: int
    journal: Journal
    outputs: str
    """The output directory of its last command."""
    succeeded: bool
    files: tuple[InputFile, ...] = ()
    """Its inputs."""
    started_at: str = ""
    """Start of this try."""
    written: tuple[KeptFile, ...] = ()
    """Outputs that have already been read, with their checksums."""


def leave_facts(path: str, done: FinishedTask) -> bool:
    """Write the document to `path`; False if a workflow of an older version has no place for it.

    Raises:
        OSError: it cannot be written.
    """
    try:
        opened = _open(path)
    except OSError as exc:
        if exc.errno in _NO_PLACE:
            return False
        raise
    with open(opened, "wb") as file:
        head = _dumped(_head(done))
        file.write(head.removesuffix(b"}") + b",\n")
        _write_list(file, "commands", (clip(each.text, _SHOWN_BYTES) for each in done.plan.commands))
        _write_list(file, "fetched", (_chosen(each, _FETCHED) for each in _fetched(done.journal.entries())))
        _write_list(file, "read", _read_on_volumes(done))
        _write_list(file, "ran", map(_executed, _ran(done.journal.entries())))
        _write_list(file, "wrote", _wrote(done))
        _write_list(file, "described", _described(done), last=True)
    return True


def copy_facts(path: str, copy: str) -> None:
    """Copy the document to where `publish` reads it, after the last command has ended.

    Raises:
        OSError: it cannot be written.
    """
    with open(path, "rb") as source, open(_open(copy), "wb") as target:
        while piece := source.read(_PIECE):
            target.write(piece)


def _open(path: str) -> int:
    """Open a file for writing, and replace anything that a command has put in its place."""
    if os.path.lexists(path) and (os.path.islink(path) or not os.path.isfile(path)):
        remove(path)
    return os.open(path, _FLAGS, 0o644)


def _head(done: FinishedTask) -> dict[str, Any]:
    reused, taken = _taken(done.journal)
    fetched = _fetched(islice(done.journal.entries(), taken, None))
    return {
        "version": 1,
        "stage": done.plan.stage,
        "partition": done.partition,
        "image": os.environ.get(IMAGE),
        "succeeded": done.succeeded,
        "started_at": done.started_at,
        "finished_at": now(),
        "software": _software(done.journal),
        **reused,
        "totals": {
            "fetched": _total(entry["size"] for entry in fetched),
            "ran": _total_run(islice(done.journal.entries(), taken, None)),
            "wrote": _total(size for _, _, size in _files(done)),
        },
    }


def _taken(journal: Journal) -> tuple[dict[str, Any], int]:
    """Find the run whose results were reused.

    Returns:
        `{"reused": …}` with that run and its number of commands, or an empty dict; and the number of journal
        entries that came with those results. Later entries are this run's.
    """
    found: dict[str, Any] = {}
    entries = 0
    for number, entry in enumerate(journal.entries(), start=1):
        if entry.get("event") == "reused":  # the last counts: reused results may have reused others
            found, entries = {"reused": _chosen(entry, ("run", "commands"))}, number
    return found, entries


def _total(sizes: Iterator[int]) -> dict[str, int]:
    files = total = 0
    for size in sizes:
        files += 1
        total += size
    return {"files": files, "bytes": total}


def _total_run(entries: Iterator[dict[str, Any]]) -> dict[str, float]:
    commands = failed = max_memory = 0
    seconds = cpu_seconds = 0.0
    for entry in _ran(entries):
        commands += 1
        failed += entry["event"] == "command_failed"
        seconds += entry["seconds"]
        cpu_seconds += entry["cpu_seconds"]
        max_memory = max(max_memory, entry["max_memory"])
    return {
        "commands": commands,
        "failed": failed,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "max_memory": max_memory,
    }


def _fetched(entries: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield each input once, from the try that fetched it; later tries only find it on disk."""
    seen = set()
    for entry in entries:
        if entry.get("event") == "fetched" and entry["name"] not in seen:
            seen.add(entry["name"])
            yield entry


def _ran(entries: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (entry for entry in entries if entry.get("event") in {"command_finished", "command_failed"})


def _executed(entry: dict[str, Any]) -> dict[str, Any]:
    return _chosen(entry | {"failed": entry["event"] == "command_failed"}, _RAN)


def _software(journal: Journal) -> dict[str, str]:
    """Return known versions only: running a program to get its version takes longer than many tasks."""
    system = os.uname()
    known = {"python": sys.version.partition(" ")[0], system.sysname.lower(): system.release}
    for entry in journal.entries():
        if entry.get("event") == "outputs_checked" and entry.get("gdal"):
            known["gdal"] = str(entry["gdal"])
    return known


def _read_on_volumes(done: FinishedTask) -> Iterator[dict[str, Any]]:
    """Yield inputs on volumes. Outputs of an earlier stage are not inputs of the run."""
    checksums = _Checksums(HASHED_BYTES)
    for file in done.files if not done.plan.before else ():
        if file.kind == "volume":
            checksum = None
            if done.succeeded and os.path.isfile(file.source):
                checksum = checksums.of(file.source, os.path.getsize(file.source))
            yield _chosen({"source": file.source, "size": file.size, "checksum": checksum}, _FILE)


def _wrote(done: FinishedTask) -> Iterator[dict[str, Any]]:
    checksums = _Checksums(float("inf") if done.plan.hashes_all else HASHED_BYTES)
    known = {(file.name, file.size): f"sha256:{file.what}" for file in done.written if file.kind == "file"}
    for name, path, size in _files(done):
        checksum = known.get((name, size)) or checksums.of(path, size)
        yield _chosen({"name": name, "size": size, "checksum": checksum}, _FILE)


def _described(done: FinishedTask) -> Iterator[dict[str, Any]]:
    """Yield the positions of outputs (see `places`), as the last try found them."""
    found = {}
    for entry in done.journal.entries() if done.succeeded else ():
        if entry.get("event") == "described":
            found[entry["name"]] = {"name": entry["name"], **entry["place"]}
    yield from found.values()


class _Checksums:
    """Computes checksums of files until a limit of bytes is reached."""

    def __init__(self, most: float) -> None:
        """Hash at most `most` bytes."""
        self._left = most

    def of(self, path: str, size: int) -> str | None:
        """Return the checksum of a file, or None if it exceeds the remaining limit."""
        if size > self._left:
            return None
        self._left -= size
        return f"sha256:{_sha256(path, size)}"


def _files(done: FinishedTask) -> Iterator[tuple[str, str, int]]:
    """Yield name, path and size of each output; nothing if the task failed."""
    if not done.succeeded:
        return
    for name, entry in walk(done.outputs):
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            yield name, entry.path, status.st_size


def _sha256(path: str, size: int) -> str:
    if size > _LARGE:
        from hashlib import sha256  # OpenSSL's, which takes long to load and then is several times as fast
    else:
        from ogdc_shared.digests import sha256
    state = sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            state.update(piece)
    return str(state.hexdigest())


def _chosen(entry: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the entry's values for these keys, without None and False."""
    return {key: entry[key] for key in keys if entry.get(key) not in (None, False)}


def _write_list(file: BinaryIO, name: str, items: Iterator[Any], *, last: bool = False) -> None:
    file.write(f'"{name}":['.encode())
    before = b"\n"
    for item in items:
        file.write(before + _dumped(item))
        before = b",\n"
    file.write(b"\n]}\n" if last else b"\n],\n")


def _dumped(value: Any) -> bytes:
    """Return one line of JSON in UTF-8; bytes of names that are not UTF-8 become escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return redacted(text).encode()
    except UnicodeEncodeError:
        return redacted(json.dumps(value, separators=(",", ":"))).encode()
