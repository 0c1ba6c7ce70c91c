"""The state directory and the record of a version before, killed at its work: its runs are listed, and go on.

`before/` was left by the last version without stages, packs and facts: two runs that ended well, one whose
second command failed, and one under way, with a first command done in two of its three partitions. Times are
made those of now, since failed runs, temporary outputs and deadlines have theirs.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import tarfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from ogdc_local.stack.binaries import find_binaries
from ogdc_local.stack.postgres import DATABASE, USER, Postgres
from support.stack import Stack
from support.trees import tree

BEFORE = Path(__file__).parent / "before"
KILLED_AT = datetime(2026, 11, 27, 6, 58, tzinfo=UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")


def restore(stack: Stack) -> None:
    """Make the stack's state what the version before left just now."""
    age = datetime.now(UTC).replace(microsecond=0) - KILLED_AT
    stack.paths.create()
    with tarfile.open(BEFORE / "state.tar.xz") as archive:
        for member in archive:
            member.mtime = int(time.time())
            # As root, tasks' files belong to whoever runs tasks.
            archive.extract(member, stack.paths.root, filter="tar" if os.geteuid() == 0 else "data")
    with sqlite3.connect(stack.paths.engine_store) as engine:
        engine.executescript(dated("engine.sql", age))
        engine.execute("UPDATE workflows SET expires_at = expires_at + ?", [age.total_seconds()])
    engine.close()
    fill_record(stack, dated("record.sql", age))


def dated(file: str, age: timedelta) -> str:
    """The statements of a file, with all times in them that much later."""

    def later(found: re.Match[str]) -> str:
        return (datetime.fromisoformat(found[0]) + age).isoformat(found[0][10])

    return TIME.sub(later, (BEFORE / file).read_text())


def fill_record(stack: Stack, statements: str) -> None:
    """Make a database of a dump, with the PostgreSQL that the stack takes."""
    paths = stack.paths
    binaries = find_binaries(paths.postgres_data, stack.environ)
    data = paths.postgres_data(binaries.major)
    postgres = Postgres(binaries=binaries, data=data, socket_dir=paths.socket_dir(), log=paths.postgres_log)
    postgres.start()
    try:
        with psycopg.connect(host=str(paths.socket_dir()), dbname=DATABASE, user=USER) as record:
            record.execute(statements.encode())
    finally:
        postgres.stop()


@pytest.fixture
def stack(short_root: Path) -> Iterator[Stack]:
    """The stack of this version on that state; on the volume is now what the runs miss."""
    root = short_root / "before"
    flags = root / "claim" / "flags"
    flags.mkdir(parents=True)
    (flags / "flag.txt").write_text("ok\n")
    for name in "abc":
        (flags / f"part-{name}.txt").write_text(f"{name}\n")
    stack = Stack(root, OGDC_LOCAL_CLAIMS=json.dumps({"flags": str(flags.parent)}))
    restore(stack)
    with stack:
        yield stack


def test_runs_of_the_previous_version_are_listed_finished_and_retried(stack: Stack, tmp_path: Path) -> None:
    names = {run["recipe_id"]: run["name"] for run in stack.cli("list", "--json").json()}
    assert set(names) == {"done-temporary", "done-published", "failed", "under-way"}

    assert stack.wait(names["under-way"])["status"] == "Succeeded", stack.run(names["under-way"])
    published = tree(stack.paths.volume / "under-way")
    assert published == {f"part-{name}.txt": f"{name.upper()}\n".encode() for name in "abc"}

    assert stack.run(names["done-published"])["status"] == "Succeeded"
    got = stack.cli("get-output", names["done-temporary"], cwd=tmp_path)
    assert got.code == 0, got
    assert [path.name for path in tmp_path.iterdir()] == ["done-temporary.zip"]

    failed = stack.run(names["failed"])
    assert failed["status"] == "Failed"
    assert "command 2 of 2" in failed["message"]
    assert stack.cli("retry", names["failed"]).code == 0
    assert stack.wait(names["failed"])["status"] == "Succeeded", stack.run(names["failed"])
    assert tree(stack.paths.volume / "failed") == {"result.txt": b"ok\n"}
