"""What a task fetched, ran and wrote, as one JSON document for the artifact store.

It is written in lines, so that none has to be held beside another. The first says how much there is of
everything and can be read alone (`ogdc_shared.runs.facts`); then come the commands, and a line each for what
was fetched, run and written. No task fails for want of it, or goes on from it.

Checksums of inputs are made as they are fetched. Outputs have to be read for theirs, so only as many are as
can be read in a moment.
"""

from __future__ import annotations

import errno
import json
import os
import stat

from ogdc_shared.fast_typing import TYPE_CHECKING, NamedTuple
from ogdc_shared.layout import IMAGE
from ogdc_shared.removal import remove
from ogdc_shared.walking import walk
from ogdc_worker.report import clip, redacted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from ogdc_shared.plan import Plan
    from ogdc_worker.process.journal import Journal

HASHED_BYTES = 256 << 20
"""Of a task's outputs, which takes a fifth of a second; what is beyond has no checksum."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_PLACE = frozenset({errno.ENOENT, errno.EROFS})
_FETCHED = ("source", "url", "name", "size", "checksum", "cached", "seconds")
_RAN = ("number", "line", "file", "exit_code", "seconds", "cpu_seconds", "max_memory", "timed_out")
_SHOWN_BYTES = 500
"""How much of a command line is kept; the plan has it whole."""
_PIECE = _LARGE = 1 << 20


class FinishedTask(NamedTuple):
    """A task that has ended, and what it is described by."""

    plan: Plan
    partition: int
    journal: Journal
    outputs: str
    """The directory that its last command has left."""
    succeeded: bool


def leave_facts(path: str, done: FinishedTask) -> None:
    """Write the document to `path`; a workflow of a version before has no place for it.

    Raises:
        OSError: it cannot be written.
    """
    if os.path.lexists(path) and (os.path.islink(path) or not os.path.isfile(path)):
        remove(path)
    try:
        opened = os.open(path, _FLAGS, 0o644)
    except OSError as exc:
        if exc.errno in _NO_PLACE:
            return
        raise
    with open(opened, "wb") as file:
        head = _dumped(_head(done))
        file.write(head.removesuffix(b"}") + b",\n")
        _write_list(file, "commands", (clip(each.text, _SHOWN_BYTES) for each in done.plan.commands))
        _write_list(file, "fetched", (_chosen(each, _FETCHED) for each in _fetched(done.journal)))
        _write_list(file, "ran", (_chosen(each, _RAN) for each in _ran(done.journal)))
        _write_list(file, "wrote", _wrote(done), last=True)


def _head(done: FinishedTask) -> dict[str, Any]:
    return {
        "version": 1,
        "stage": done.plan.stage,
        "partition": done.partition,
        "image": os.environ.get(IMAGE),
        "succeeded": done.succeeded,
        "totals": {
            "fetched": _total(entry["size"] for entry in _fetched(done.journal)),
            "ran": _total_run(done.journal),
            "wrote": _total(size for _, _, size in _files(done)),
        },
    }


def _total(sizes: Iterator[int]) -> dict[str, int]:
    files = total = 0
    for size in sizes:
        files += 1
        total += size
    return {"files": files, "bytes": total}


def _total_run(journal: Journal) -> dict[str, float]:
    commands = failed = max_memory = 0
    seconds = cpu_seconds = 0.0
    for entry in _ran(journal):
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


def _fetched(journal: Journal) -> Iterator[dict[str, Any]]:
    """Yield each input once, as the try recorded it that fetched it; a later one finds it there."""
    seen = set()
    for entry in journal.entries():
        if entry.get("event") == "fetched" and entry["name"] not in seen:
            seen.add(entry["name"])
            yield entry


def _ran(journal: Journal) -> Iterator[dict[str, Any]]:
    return (
        entry for entry in journal.entries() if entry.get("event") in {"command_finished", "command_failed"}
    )


def _wrote(done: FinishedTask) -> Iterator[dict[str, Any]]:
    left = HASHED_BYTES
    for name, path, size in _files(done):
        checksum = f"sha256:{_sha256(path, size)}" if size <= left else None
        left -= size if checksum else 0
        yield _chosen({"name": name, "size": size, "checksum": checksum}, ("name", "size", "checksum"))


def _files(done: FinishedTask) -> Iterator[tuple[str, str, int]]:
    """Yield name, path and size of each file that was written; of a task that failed, none counts."""
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
    """Take some of an entry's facts: those that say something."""
    return {key: entry[key] for key in keys if entry.get(key) not in (None, False)}


def _write_list(file: BinaryIO, name: str, items: Iterator[Any], *, last: bool = False) -> None:
    file.write(f'"{name}":['.encode())
    before = b"\n"
    for item in items:
        file.write(before + _dumped(item))
        before = b",\n"
    file.write(b"\n]}\n" if last else b"\n],\n")


def _dumped(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return redacted(text).encode(errors="replace")
