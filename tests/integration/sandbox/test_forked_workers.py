"""Workers that are forked: confined as those that bubblewrap starts, and ended with their sandbox."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import pytest

from ogdc_local.sandbox import Container, ContainerSequence, Exit, Mount, RunningTask, probe
from ogdc_local.sandbox.bubblewrap import Bubblewrap
from ogdc_local.sandbox.programs import user_programs
from ogdc_shared import layout
from ogdc_shared.plan import Command, Partition, Plan
from support.confinement import FORBIDDEN
from support.engine import own_label

SECONDS = 60.0
LOOK = r"""
grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Sig(Pnd|Blk|Ign|Cgt))' /proc/self/status
cut -d' ' -f5- /proc/self/mountinfo | sort
env | grep -v -e ^PWD= -e ^OLDPWD= | sort
cat /proc/self/limits /proc/self/oom_score_adj
umask; nice; ls /proc/self/fd; readlink /proc/self/fd/0; hostname; date +%Z
"""
LEADS_OUT = {
    "a program of the machine": "for p in /proc/[0-9]*; do (: >> $p/exe) && exit 0; done; exit 1",
    "what the worker has open": "ls -l /proc/$worker/fd",
    "where the worker is": "readlink /proc/$worker/root || readlink /proc/$worker/exe",
    "what the engine knows": "tr '\\0' '\\n' < /proc/$worker/environ | grep SECRET || env | grep SECRET",
    "sockets": "ls -l /proc/self/fd | grep -q 'socket:'",
}


class Task:
    """A partition of one command, in directories that are made anew."""

    def __init__(self, directory: Path, command: str) -> None:
        directory.mkdir()
        self.log = directory / "log"
        plan = Plan(recipe_id="x", commands=(Command(text=command, line=1),), strict=False)
        (directory / "plan").write_text(plan.to_json())
        (directory / "partition").write_text(Partition(number=0, files=()).to_json())
        for name in ("work/input_dir", "work/output_dir", "tmp", "recipe", "data"):
            (directory / name).mkdir(parents=True)
        for path in (directory, *directory.rglob("*/")):
            path.chmod(0o777)
        (directory / "data/file").touch()
        work = directory / "work"
        self.container = Container(
            name=f"t-{directory.name}",
            image="",
            argv=("ogdc-worker", "process"),
            env={layout.SHARED_MACHINE: "true"},
            mounts=(
                Mount(work, layout.WORKFLOW_MOUNT),
                Mount(work / "input_dir", layout.INPUT_DIR),
                Mount(work / "output_dir", layout.OUTPUT_DIR),
                Mount(directory / "plan", layout.PLAN_PATH, writable=False),
                Mount(directory / "partition", layout.PARTITION_PATH, writable=False),
                Mount(directory / "recipe", layout.RECIPE_PATH, writable=False),
                Mount(directory / "data", "/mnt/data", writable=False),
                Mount(directory / "tmp", "/tmp"),
            ),
        )

    def start(self, sandbox: Bubblewrap) -> ContainerSequence:
        with self.log.open("wb") as log:
            return ContainerSequence(sandbox, [self.container], log=log.fileno())

    def run(self, sandbox: Bubblewrap, *, forked: bool = True) -> tuple[Exit, str]:
        self.container = self.container._replace(may_be_forked=forked)
        task = self.start(sandbox)
        assert is_forked(task) is forked
        return wait(task), self.output()

    def output(self) -> str:
        """What the command wrote."""
        return "".join(f"{line}\n" for line in self.log.read_text().splitlines() if not line.startswith("{"))

    def await_output(self) -> None:
        deadline = time.monotonic() + SECONDS
        while not self.output():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.005)


def wait(task: RunningTask) -> Exit:
    while (ended := task.poll()) is None:
        descriptor = task.pidfd()
        assert descriptor is not None
        assert select.select([descriptor], [], [], SECONDS)[0], "it does not end"
    return ended


def is_forked(task: ContainerSequence) -> bool:
    return task._task._forked_by is not None  # type: ignore[attr-defined]


def until_ready(sandbox: Bubblewrap) -> Bubblewrap:
    deadline = time.monotonic() + SECONDS
    while not sandbox._server.is_ready():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return sandbox


def server_of(sandbox: Bubblewrap) -> subprocess.Popen[bytes]:
    process = sandbox._server._process
    assert process is not None
    return process


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def await_end(pidfd: int) -> None:
    assert select.select([pidfd], [], [], SECONDS)[0], "it goes on"
    os.close(pidfd)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Bubblewrap]:
    environ = {"OGDC_SANDBOX": "bubblewrap", "PATH": os.environ["PATH"], "SECRET": "SECRET"}
    found = probe(environ=environ, label=own_label())
    assert isinstance(found, Bubblewrap)
    yield until_ready(found)
    found._server.close()
    found._few_mounts.close()


def test_a_forked_worker_is_confined_like_one_started_by_bubblewrap(
    sandbox: Bubblewrap, tmp_path: Path
) -> None:
    ended, ordinary = Task(tmp_path / "task", LOOK).run(sandbox, forked=False)
    (tmp_path / "task").rename(tmp_path / "before")
    assert Task(tmp_path / "task", LOOK).run(sandbox) == (ended, ordinary)
    assert ended == Exit(0)
    assert "NoNewPrivs:\t1\n" in ordinary
    assert "CapBnd:\t0000000000000000\n" in ordinary


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's engine has all mounts")
def test_leaving_out_unneeded_mounts_does_not_change_the_sandbox(sandbox: Bubblewrap, tmp_path: Path) -> None:
    ended, few = Task(tmp_path / "task", LOOK).run(until_ready(sandbox))
    assert sandbox._few_mounts._namespace is not None
    (tmp_path / "task").rename(tmp_path / "before")
    sandbox._few_mounts._is_given_up = True
    try:
        assert Task(tmp_path / "task", LOOK).run(sandbox) == (ended, few)
    finally:
        sandbox._few_mounts._is_given_up = False
    assert ended == Exit(0)


def test_a_forked_worker_cannot_leave_its_sandbox(sandbox: Bubblewrap, tmp_path: Path) -> None:
    scripts = {**FORBIDDEN, **LEADS_OUT}
    scripts = {name: script.replace("ls SECRET", f"ls {tmp_path}") for name, script in scripts.items()}
    lines = [
        f"if sh -c {quote(script)} > /dev/null 2>&1; then echo {quote(name)}; fi"
        for name, script in scripts.items()
    ]
    ended, output = Task(tmp_path / "task", "\n".join(["export worker=$PPID", *lines, "echo end"])).run(
        sandbox
    )
    assert (ended, output) == (Exit(0), "end\n")


def test_a_process_holding_the_sandbox_neither_delays_nor_fakes_the_end(
    sandbox: Bubblewrap, tmp_path: Path
) -> None:
    find = "holder=$(grep -lz 'read -r end' /proc/[0-9]*/cmdline | cut -d/ -f3 | tail -n 1); echo $holder"
    stopped = Task(tmp_path / "stopped", f"{find}; kill -STOP $holder; exit 0").run(sandbox)
    assert stopped[0] == Exit(0)
    assert int(stopped[1].split()[0]) > 1
    killed = Task(tmp_path / "killed", f"{find}; kill -9 $holder && sleep 60; exit 1")
    assert killed.run(sandbox)[0].code != 0


def test_a_task_survives_its_fork_server(sandbox: Bubblewrap, tmp_path: Path) -> None:
    tasks = []
    for code in (0, 3):
        task = Task(tmp_path / str(code), f"echo begun; read x < /tmp/go; echo done; exit {code}")
        os.mkfifo(tmp_path / f"{code}/tmp/go")
        (tmp_path / f"{code}/tmp/go").chmod(0o666)
        tasks.append((task, task.start(sandbox)))
    for task, _ in tasks:
        task.await_output()
    server_of(sandbox).kill()
    ends = []
    for task, started in tasks:
        (task.log.parent / "tmp/go").write_text("now\n")
        ends.append((wait(started).code, task.output()))
    assert ends == [(0, "begun\ndone\n"), (1, "begun\ndone\n")]


def test_a_killed_worker_or_supervisor_ends_the_task(sandbox: Bubblewrap, tmp_path: Path) -> None:
    until_ready(sandbox)
    for name in ("worker", *([] if os.geteuid() == 0 else ["supervisor"])):
        lost = Task(tmp_path / name, "echo begun; sleep 60")
        task = lost.start(sandbox)
        lost.await_output()
        while (worker := task.worker()) is None:
            time.sleep(0.005)
        ended = os.pidfd_open(worker)
        os.kill(worker if name == "worker" else parent(worker), signal.SIGKILL)
        assert wait(task) == Exit(137)
        await_end(ended)


def test_a_task_starts_without_forking_if_its_server_has_ended(sandbox: Bubblewrap, tmp_path: Path) -> None:
    server = server_of(until_ready(sandbox))
    server.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, server.pid, os.WSTOPPED | os.WNOWAIT)
    asked = Task(tmp_path / "asked", "echo asked")
    task = asked.start(sandbox)
    assert is_forked(task)
    server.kill()
    assert (wait(task), asked.output(), is_forked(task)) == (Exit(0), "asked\n", False)
    assert Task(tmp_path / "next", "echo next").run(sandbox, forked=False) == (Exit(0), "next\n")
    assert Task(tmp_path / "later", "echo later").run(until_ready(sandbox)) == (Exit(0), "later\n")


def test_workers_are_forked_again_after_a_server_was_killed_while_it_imported(
    sandbox: Bubblewrap, tmp_path: Path
) -> None:
    server = sandbox._server
    server.close()
    assert not server.is_ready()
    killed = server_of(sandbox)
    killed.kill()
    killed.wait()
    while server._process is killed:
        server.is_ready()
    assert Task(tmp_path / "task", "echo forked").run(until_ready(sandbox)) == (Exit(0), "forked\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="whose engine is not root's, has no more processes itself")
def test_workers_are_forked_again_when_the_process_limit_allows_it(
    sandbox: Bubblewrap, tmp_path: Path
) -> None:
    server = server_of(until_ready(sandbox)).pid
    before = resource.prlimit(server, resource.RLIMIT_NPROC)
    resource.prlimit(server, resource.RLIMIT_NPROC, (1, before[1]))
    task = Task(tmp_path / "task", "echo begun")
    started = task.start(sandbox)
    assert is_forked(started)
    assert (wait(started), task.output(), is_forked(started)) == (Exit(0), "begun\n", False)
    resource.prlimit(server, resource.RLIMIT_NPROC, before)
    assert Task(tmp_path / "next", "echo next").run(sandbox) == (Exit(0), "next\n")


def test_a_forked_worker_can_be_stopped_like_any_other(sandbox: Bubblewrap, tmp_path: Path) -> None:
    asked = Task(tmp_path / "task", "echo begun; sleep 60")
    task = asked.start(until_ready(sandbox))
    asked.await_output()
    while task.worker() is None:
        time.sleep(0.005)
    assert task.roots()[-1] == task.worker()
    task.terminate()
    assert wait(task) == Exit(143)


ENGINE = """
import os, sys
sys.path[:] = {path!r}
from pathlib import Path
sys.argv[1:] = []
import test_forked_workers as here
found = here.probe(environ={{"OGDC_SANDBOX": "bubblewrap", "PATH": os.environ["PATH"]}}, label="x")
task = here.Task(Path({directory!r}), "echo begun; sleep 60")
started = task.start(here.until_ready(found))
task.await_output()
while (worker := started.worker()) is None: pass
print(worker, here.parent(worker), here.server_of(found).pid, flush=True)
sys.stdin.read()
"""


def test_no_forked_process_survives_a_killed_engine(tmp_path: Path) -> None:
    path = [*sys.path, str(Path(__file__).parent)]
    program = ENGINE.format(path=path, directory=str(tmp_path / "task"))
    engine = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert engine.stdout is not None
    pids = [int(word) for word in engine.stdout.readline().split()]
    assert len(pids) == 3
    ended = [os.pidfd_open(pid) for pid in pids]
    engine.kill()
    engine.communicate()
    for pidfd in ended:
        await_end(pidfd)


@pytest.mark.skipif(os.geteuid() != 0, reason="tasks of an ordinary user's engine run as that user")
def test_engines_of_two_users_fork_workers_of_two_users(tmp_path: Path) -> None:
    for uid in (65533, 65534):
        programs = user_programs({"PATH": os.environ["PATH"]}, private=[Path.home()])
        bubblewrap = Bubblewrap(Path("/usr/bin/bwrap"), environ={}, drop_to=uid, programs=programs)
        try:
            task = Task(tmp_path / f"{uid}", "id -u; id -g; id -G")
            assert task.run(until_ready(bubblewrap)) == (Exit(0), f"{uid}\n" * 3)
        finally:
            bubblewrap._server.close()
