"""The table *What is confined* of docs/local-stack.md, sentence by sentence, in a task's own container.

What is tried is a script that ends with 0 where it could do what it must not be able to.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import socket
from pathlib import Path

import pytest

from ogdc_local.sandbox import Container, Mount, Sandbox, probe
from ogdc_local.sandbox.interpreter import interpreter
from ogdc_shared import layout
from support.confinement import FORBIDDEN
from support.engine import own_label

ROOT = Path(__file__).parents[3]
POSSIBLE = {
    "reads and writes its run's `/input_dir`": "echo 1 > /input_dir/a && cat /input_dir/a && echo 2 > /tmp/b",
    "reads the system's programs": "gdalinfo --version || python3 --version",
    "runs at a lower priority (nice 5)": f"test $(nice) = {min(os.nice(0) + 5, 19)}",
    "is killed by the kernel before PostgreSQL": "test $(cat /proc/self/oom_score_adj) = 500",
}
ELSEWHERE = {
    "cannot trace or inspect the worker": "test_e2e_breakouts",
    "except those of other services": "test_egress",
    "shares 256 concurrent connections": "test_egress",
    "cannot reach a cloud's metadata": "test_reach",
    "including memory that no process has mapped": "test_engine_limits",
    "reaches public addresses by HTTP": "test_egress",
    "reaches services that its recipe's lines name": "test_e2e_network",
    "cannot reach the stack's API": "test_sandbox_network",
    "is ended if its task uses more": "test_engine_limits",
    "is ended if its task has more": "test_engine_limits",
    "is ended if its task's `/tmp`": "test_engine_limits",
}


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    environ = {"OGDC_SANDBOX": "bubblewrap", "PATH": os.environ["PATH"], "SECRET": "SECRET"}
    return probe(environ=environ, label=own_label())


def run(sandbox: Sandbox, tmp_path: Path, script: str) -> tuple[int, str]:
    for name in ("input", "tmp", "data", "state"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("data")
        (tmp_path / name).chmod(0o777)
    mounts = (
        Mount(tmp_path / "input", "/input_dir"),
        Mount(tmp_path / "tmp", "/tmp"),
        Mount(tmp_path / "data", "/mnt/data", writable=False),
    )
    log = tmp_path / "log"
    script = script.replace("SECRET", str(tmp_path / "state")) if "ls SECRET" in script else script
    container = Container(name="t", image="", argv=("sh", "-c", script), env={}, mounts=mounts)
    with log.open("wb") as file:
        task = sandbox.start(container, log=file.fileno())
    descriptor = task.pidfd()
    assert descriptor is not None
    assert select.select([descriptor], [], [], 30)[0]
    ended = task.poll()
    assert ended is not None
    assert ended.started, log.read_text()
    return ended.code, log.read_text()


@pytest.mark.parametrize("sentence", FORBIDDEN)
def test_a_command_cannot(sandbox: Sandbox, tmp_path: Path, sentence: str) -> None:
    code, output = run(sandbox, tmp_path, FORBIDDEN[sentence])
    assert code != 0, output


@pytest.mark.parametrize("sentence", list(POSSIBLE)[:2])
def test_a_command_can(sandbox: Sandbox, tmp_path: Path, sentence: str) -> None:
    code, output = run(sandbox, tmp_path, POSSIBLE[sentence])
    assert code == 0, output


@pytest.mark.parametrize("sentence", list(POSSIBLE)[2:])
def test_a_worker_and_its_commands_have_a_low_priority(
    sandbox: Sandbox, tmp_path: Path, sentence: str
) -> None:
    shared = str(Path(layout.__file__).parents[1])
    program = (
        f"import os, sys; sys.path.append({shared!r}); from ogdc_worker.process.priority import give_way; "
        f"give_way(); os.execvp('sh', ['sh', '-c', {POSSIBLE[sentence]!r}])"
    )
    script = f"{interpreter()} -c {shlex.quote(program)}"
    code, output = run(sandbox, tmp_path, script)
    assert code == 0, output


def test_every_row_of_the_documented_table_has_a_test() -> None:
    page = (ROOT / "docs/local-stack.md").read_text()
    section = page.partition("## What is confined")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|[^|]*\| (.*) \|$", section, re.MULTILINE)[2:]
    tried = [*FORBIDDEN, *POSSIBLE, *ELSEWHERE]
    assert [row for row in rows if not any(words in row for words in tried)] == []
    assert [words for words in tried if not any(words in row for row in rows)] == []


def test_sockets_of_the_machine_are_not_inherited(sandbox: Sandbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.set_inheritable(listener.fileno(), True)
        code, output = run(sandbox, tmp_path, "ls -l /proc/self/fd | grep -q 'socket:'")
    assert code == 1, output
