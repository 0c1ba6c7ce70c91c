from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from ogdc_local.sandbox import Container, Exit, Mount, RunningTask, Sandbox, probe
from ogdc_local.sandbox.containers import Containers
from ogdc_local.sandbox.interpreter import module_paths
from support.engine import own_label


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    system = {"OGDC_SANDBOX": "bubblewrap", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    found = probe(environ=os.environ | system, label=own_label())
    yield found
    found.clean(Path("/nowhere"))


def start(sandbox: Sandbox, log: Path, *argv: str, mounts: tuple[Mount, ...] = ()) -> RunningTask:
    with log.open("ab") as file:
        container = Container(name="t", image="", argv=argv, env={}, mounts=mounts)
        return sandbox.start(container, log=file.fileno())


def wait(task: RunningTask) -> Exit:
    descriptor = task.pidfd()
    assert descriptor is not None
    assert select.select([descriptor], [], [], 20)[0], "it does not end"
    ended = task.poll()
    assert ended is not None
    return ended


def run(sandbox: Sandbox, log: Path, script: str, *mounts: Mount) -> tuple[Exit, str]:
    ended = wait(start(sandbox, log, "sh", "-c", script, mounts=mounts))
    return ended, log.read_text()


def test_exit_codes_and_signals_are_reported(sandbox: Sandbox, tmp_path: Path) -> None:
    assert run(sandbox, tmp_path / "a", "exit 7")[0] == Exit(7)
    assert run(sandbox, tmp_path / "b", "kill -9 $$")[0] == Exit(137)


def test_a_task_finds_how_many_of_its_programs_the_kernel_has_killed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    if getattr(sandbox, "_cgroups", None) is None:
        pytest.skip("no cgroup can be made here")
    kill = "/usr/bin/python3 -c 'b\"x\" * (200 << 20)'"
    script = f"{kill}; grep -rh '^oom_kill ' /sys/fs/cgroup"
    with (tmp_path / "log").open("ab") as log:
        container = Container(
            name="killed", image="", argv=("sh", "-c", script), env={}, mounts=(), memory=64 << 20
        )
        ended = wait(sandbox.start(container, log=log.fileno()))
    assert ended.memory is not None
    # Version 2 kills all of the group.
    assert ended.code == 137 or (tmp_path / "log").read_text().endswith("oom_kill 1\n")


def test_a_failed_sandbox_setup_is_distinguished_from_a_failed_command(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ended, output = run(sandbox, tmp_path / "log", "true", Mount(tmp_path / "nothing", "/x"))
    assert not ended.started
    assert "No such file or directory" in output


def test_a_task_sees_its_mounts_and_no_files_of_its_user(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file").write_text("data")
    script = (
        f"ls /in; ls -a /home {tmp_path} 2>&1 | grep -v '^\\.'; ls /proc | grep -c '^[0-9]'; echo $HOME $PATH"
    )
    _, output = run(sandbox, tmp_path / "log", script, Mount(tmp_path / "in", "/in", writable=False))
    lines = output.split("\n")
    assert lines[0] == "file"
    assert lines.count("2") + lines.count("3") + lines.count("4") == 1, "no process but its own"
    assert lines[-2] == "/tmp /usr/local/bin:/usr/bin:/bin"
    assert "No such file" in output
    assert "log" not in lines


def test_what_is_read_only_cannot_be_written(sandbox: Sandbox, tmp_path: Path) -> None:
    script = f"for d in /usr /etc /in {sys.base_prefix}; do touch $d/x && echo written; done; true"
    script += "; for f in /etc/passwd /etc/hosts; do echo x >> $f && echo written; done"
    script += "; chmod 666 /etc/hosts && echo written; echo end"
    (tmp_path / "in").mkdir(mode=0o777)
    _, output = run(sandbox, tmp_path / "log", script, Mount(tmp_path / "in", "/in", writable=False))
    assert "written" not in output
    assert output.endswith("end\n")


def test_a_task_sees_the_existing_files_of_etc(sandbox: Sandbox, tmp_path: Path) -> None:
    names = [name for name in ("passwd", "hosts", "resolv.conf", "localtime") if Path("/etc", name).exists()]
    script = f"cd /etc && sha256sum {' '.join(names)} && ls -d /etc/ssl && cat /etc/shadow"
    _, output = run(sandbox, tmp_path / "log", script)
    here = [f"{sha256(Path('/etc', name).read_bytes()).hexdigest()}  {name}" for name in names]
    assert output.splitlines()[:-1] == [*here, "/etc/ssl"]
    assert "No such file" in output.splitlines()[-1]


def test_a_task_sees_when_libraries_were_changed(sandbox: Sandbox, tmp_path: Path) -> None:
    """What is kept of earlier runs is known by that, too."""
    names = [name for name in ("/etc/ld.so.cache", "/usr/lib") if Path(name).exists()]
    _, output = run(sandbox, tmp_path / "log", f"stat -c %.9Y {' '.join(names)}")
    times = [Path(name).stat().st_mtime_ns for name in names]
    assert output.split() == [f"{time // 10**9}.{time % 10**9:09d}" for time in times]


def test_sigterm_reaches_the_command(sandbox: Sandbox, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "trap 'echo stopped; exit 143' TERM; echo up; sleep 30 & wait"
    task = start(sandbox, log, "sh", "-c", script)
    while "up" not in log.read_text():
        time.sleep(0.01)
    task.terminate()
    assert wait(task) == Exit(143)
    assert "stopped" in log.read_text()


def test_kill_ends_every_process(sandbox: Sandbox, tmp_path: Path) -> None:
    log = tmp_path / "log"
    task = start(sandbox, log, "sh", "-c", "trap '' TERM; (setsid sh -c 'echo up; sleep 30' &) ; sleep 30")
    while "up" not in log.read_text():
        time.sleep(0.01)
    task.kill()
    assert wait(task).code == 137


def test_the_worker_starts_with_python_in_any_directory(sandbox: Sandbox, tmp_path: Path) -> None:
    ended = wait(start(sandbox, tmp_path / "log", "ogdc-worker", "--help"))
    assert (ended, (tmp_path / "log").read_text()[:18]) == (Exit(0), "usage: ogdc-worker")


def test_a_python_below_a_tasks_mount_is_not_hidden_by_it(tmp_path: Path) -> None:
    """As of a clone or a virtual environment in /tmp."""
    (tmp_path / "modules/ogdc_shared").mkdir(parents=True)
    (tmp_path / "tmp").mkdir(mode=0o777)
    tmp_path.chmod(0o755)
    sandbox = probe(
        environ={"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(tmp_path / "modules")},
        label=own_label(),
    )
    mount = Mount(tmp_path / "tmp", "/tmp")
    ended = wait(start(sandbox, tmp_path / "log", "ls", str(tmp_path / "modules"), mounts=(mount,)))
    assert (ended, (tmp_path / "log").read_text()) == (Exit(0), "ogdc_shared\n")


def test_a_program_on_the_users_path_runs_with_its_neighbouring_files(tmp_path: Path) -> None:
    """As one of conda or of a module; a task's own /tmp does not hide it, and it cannot be written."""
    for name in ("opt/bin", "opt/share", "tmp", "home"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "tmp").chmod(0o777)
    (tmp_path / "opt/share/words").write_text("found\n")
    tool = tmp_path / "opt/bin/own-tool"
    tool.write_text('#!/bin/sh\ncat "$(dirname "$0")/../share/words"; touch "$0.new" && echo written\n')
    tool.chmod(0o755)
    tmp_path.chmod(0o755)
    environ = {"PATH": f"{tool.parent}:/usr/bin", "PROJ_DATA": str(tmp_path / "opt/share"), "GDAL_DATA": "/x"}
    sandbox = probe(environ=environ, label=own_label(), private=(tmp_path / "home",))
    script = f"own-tool; ls {tmp_path}; env | grep -e GDAL -e PROJ"
    mount = Mount(tmp_path / "tmp", "/tmp")
    _, output = run(sandbox, tmp_path / "log", script, mount)
    assert "found\n" in output
    assert "written" not in output
    assert "\nopt\n" in output
    assert "home" not in output
    assert "GDAL_DATA" not in output


def test_the_systems_python_does_not_import_the_workers_modules(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "/usr/bin/python3 -c 'import sys; print([p for p in sys.path if p])'; env | grep -c PYTHON"
    _, output = run(sandbox, tmp_path / "log", script)
    assert not any(
        str(path) in output.split("\n")[0] for path in module_paths() if not str(path).startswith("/usr")
    )
    assert output.split("\n")[1] == "0"


def test_processes_of_a_killed_engine_are_found_by_its_directory(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "scratch/in").mkdir(parents=True, mode=0o777)
    log = tmp_path / "log"
    mount = Mount(tmp_path / "scratch/in", "/in")
    task = start(sandbox, log, "sh", "-c", "echo up; sleep 30", mounts=(mount,))
    other = start(sandbox, tmp_path / "other", "sh", "-c", "sleep 30")
    while not log.read_text():
        time.sleep(0.01)
    sandbox.clean(tmp_path / "scratch")
    assert wait(task).code == 137
    assert other.poll() is None
    other.kill()
    wait(other)


def test_sandbox_killed_while_it_is_made_leaves_no_process(sandbox: Sandbox, tmp_path: Path) -> None:
    """Of as many kills as these, some hit while the child waits for its parent."""
    mount = Mount(tmp_path, "/in")
    for number in range(40):
        task = start(sandbox, tmp_path / "log", "sleep", "30", mounts=(mount,))
        time.sleep(number * 0.0002)
        os.kill(task._process.pid, signal.SIGKILL)
        assert wait(task).code == 137
    deadline = time.monotonic() + 300
    while left := [pid for pid in Path("/proc").glob("[0-9]*") if mentions(pid, tmp_path)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def mentions(process: Path, directory: Path) -> bool:
    """Whether a path below a directory is a word of a process's command line."""
    try:
        return os.fsencode(directory) in (process / "cmdline").read_bytes()
    except OSError:
        return False


_AS_USER = """
import os, sys
from hashlib import sha256
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
from ogdc_local.sandbox import Container, Mount
from ogdc_local.sandbox import probe
sandbox = probe(environ={"PATH": os.environ["PATH"]}, label=f"test-{os.getpid()}")
assert (sandbox.name, sandbox.owner) == ("bubblewrap", None)
home = Path(sys.argv[2])
script = "id -u; echo hi > /out/file; cat /etc/shadow; ls /home; exit 3"
container = Container(name="t", image="", argv=("sh", "-c", script), env={}, mounts=(Mount(home, "/out"),))
with (home / "log").open("wb") as log:
    task = sandbox.start(container, log=log.fileno())
while (ended := task.poll()) is None:
    pass
assert ended.code == 3, ended
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_needs_no_more_than_bubblewrap(tmp_path: Path) -> None:
    """As a user of her own, with copies of what she cannot read here and the system's Python."""
    if not Path("/usr/bin/python3").exists():
        pytest.skip("no system Python")
    user = next((entry for entry in pwd.getpwall() if 1000 <= entry.pw_uid < 60000), None)
    if user is None:
        pytest.skip("no ordinary user")
    version = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print(sys.version_info >= (3, 11))"],
        capture_output=True,
        text=True,
        check=True,
    )
    if version.stdout.strip() != "True":
        pytest.skip("the system's Python is too old")
    copies = Path(shutil.copytree(_packages(tmp_path), f"/tmp/ogdc-test-{os.getpid()}", dirs_exist_ok=True))
    try:
        home = copies / "home"
        home.mkdir()
        for path in (copies, *copies.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)
        copies.chmod(0o755)
        done = subprocess.run(
            ["runuser", "-u", user.pw_name, "--", "/usr/bin/python3", "-c", _AS_USER, str(copies), str(home)],
            capture_output=True,
            text=True,
            cwd="/",
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        output = (home / "log").read_text().split("\n")
        assert output[0] == str(user.pw_uid)
        assert "shadow: No such file or directory" in output[1]
        assert (home / "file").read_text() == "hi\n"
        assert (home / "file").stat().st_uid == user.pw_uid
    finally:
        shutil.rmtree(copies)


def _packages(tmp_path: Path) -> Path:
    """A directory with the packages that the sandbox needs."""
    import urllib3

    import ogdc_local
    import ogdc_shared
    import ogdc_worker

    for package in (urllib3, ogdc_local, ogdc_shared, ogdc_worker):
        source = Path(package.__path__[0])
        shutil.copytree(
            source, tmp_path / "packages" / source.name, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path / "packages"


_CLIENT = """
#!{python}
import os, pathlib, signal, sys, time
state = pathlib.Path({state!r})
call, words = sys.argv[1], sys.argv[2:]
with (state / "calls").open("a") as calls:
    print(call, *words, file=calls)
if call == "run":
    name = words[words.index("--name") + 1]
    (state / name).write_text(str(os.getpid()))
    print("in the container", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    time.sleep(0 if words[-1] == "quick" else 30)
    sys.exit(125 if words[-1] == "broken" else 0)
elif call in ("stop", "kill"):
    pid = int((state / words[-1]).read_text())
    os.kill(pid, signal.SIGTERM if call == "stop" else signal.SIGKILL)
elif call == "ps":
    print("abc\\ndef")
"""


class TestContainerClients:
    """docker and podman, by a client that only writes down what it is asked."""

    @pytest.fixture
    def docker(self, tmp_path: Path) -> Containers:
        client = tmp_path / "docker"
        client.write_text(_CLIENT.format(python=sys.executable, state=str(tmp_path)).lstrip())
        client.chmod(0o755)
        sandbox = probe(environ={"OGDC_SANDBOX": "docker", "PATH": str(tmp_path)}, label="here")
        assert isinstance(sandbox, Containers)
        return sandbox

    def start(self, docker: Containers, tmp_path: Path, word: str) -> RunningTask:
        with (tmp_path / "log").open("wb") as log:
            container = Container(name="w-1", image="image", argv=("ogdc-worker", word), env={}, mounts=())
            return docker.start(container, log=log.fileno())

    def test_the_exit_code_of_the_client_is_that_of_the_container(
        self, docker: Containers, tmp_path: Path
    ) -> None:
        assert wait(self.start(docker, tmp_path, "quick")) == Exit(0)
        assert (tmp_path / "log").read_text() == "in the container\n"

    @pytest.mark.parametrize(("way", "code"), [("terminate", 143), ("kill", 137)])
    def test_a_container_is_stopped_by_name(
        self, docker: Containers, tmp_path: Path, way: str, code: int
    ) -> None:
        task = self.start(docker, tmp_path, "slow")
        while not (tmp_path / "log").read_text():
            time.sleep(0.01)
        getattr(task, way)()
        assert wait(task).code == code

    def test_containers_of_a_killed_engine_are_removed_by_label(
        self, docker: Containers, tmp_path: Path
    ) -> None:
        docker.clean(tmp_path)
        calls = (tmp_path / "calls").read_text().splitlines()
        assert calls[-2:] == ["ps --all --quiet --filter label=ogdc.engine=here", "rm --force abc def"]


_PLAIN = textwrap.dedent(
    """
    import os, sys, select
    from pathlib import Path
    from ogdc_local.sandbox import Container, Mount
    from ogdc_local.sandbox import probe
    root = Path(sys.argv[1])
    sandbox = probe(environ=os.environ | {"OGDC_SANDBOX": "none"}, label="x")
    script = "cat /input_dir/file > /output_dir/copy; exit 4"
    mounts = (Mount(root / "in", "/input_dir"), Mount(root / "out", "/output_dir"), Mount(root, "/tmp"))
    container = Container(name="t", image="", argv=("sh", "-c", script), env={}, mounts=mounts)
    task = sandbox.start(container, log=2)
    select.select([task.pidfd()], [], [], 10)
    ended = task.poll()
    assert ended.code == 4, ended
    """
)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a root directory that can be written")
def test_without_a_sandbox_a_tasks_directories_are_linked_to_their_places(tmp_path: Path) -> None:
    """In a mount namespace of its own whose root is a throwaway copy, as in a container made for it."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "in/file").write_text("data")
    python = [sys.executable, "-c", _PLAIN, str(tmp_path)]
    root = [
        word for path in Path("/").iterdir() if path.is_dir() for word in ("--dev-bind", str(path), str(path))
    ]
    done = subprocess.run(
        ["bwrap", *root, "--", *python], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/copy").read_text() == "data"


def test_a_process_group_of_a_plain_task_ends_with_kill(tmp_path: Path) -> None:
    sandbox = probe(environ=os.environ | {"OGDC_SANDBOX": "none"}, label="x")
    task = start(sandbox, tmp_path / "log", "sh", "-c", "trap '' TERM; echo $$; sleep 30")
    while not (tmp_path / "log").read_text():
        time.sleep(0.01)
    task.terminate()
    time.sleep(0.05)
    assert task.poll() is None
    task.kill()
    assert wait(task) == Exit(128 + signal.SIGKILL)
