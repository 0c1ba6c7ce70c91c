from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ogdc_local.errors import StackError
from ogdc_local.sandbox.programs import SYSTEM_PATH
from ogdc_local.stack.control import current, down, ensure_up
from ogdc_local.stack.environment import OF_FETCHING
from ogdc_local.stack.installation import installation
from ogdc_local.stack.paths import StatePaths
from support.clusters import plant_state
from support.recipes import make_own_recipe


class Machine:
    """A state directory, and what a user does with it."""

    def __init__(self, root: Path) -> None:
        self.paths = StatePaths(root)
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith(("OGDC_", "DATAONE_"))}
        self.environ = {k: v for k, v in self.environ.items() if k not in OF_FETCHING}
        self.environ["OGDC_STATE_DIR"] = str(root)

    def up(self, *, idle_timeout: float | None = None, **environ: str):
        plant_state(self.paths)
        return ensure_up(idle_timeout=idle_timeout, environ=self.environ | environ)

    def down(self) -> bool:
        return down(self.paths)

    def current(self):
        return current(self.paths)

    def ask(self, path: str, body: bytes | None = None) -> dict:
        stack = self.current()
        headers = {"Content-Type": "application/json"} if body else {}
        request = urllib.request.Request(f"{stack.url}{path}", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=300) as response:
            return json.load(response)

    def submit(self, recipe: Path) -> str:
        return self.ask("/submit", json.dumps({"recipe_path": str(recipe)}).encode())["recipe_workflow_name"]

    def answer(self, path: str) -> dict | None:
        """As `ask`; None while PostgreSQL is away."""
        try:
            return self.ask(path)
        except urllib.error.HTTPError as exc:
            if exc.code != 503:
                raise
            return None

    def has_succeeded(self, name: str) -> bool:
        return (self.answer(f"/status/{name}") or {}).get("status") == "Succeeded"

    def postgres_pid(self) -> int:
        """Where PostgreSQL says it runs; 0 where it says nothing."""
        for pid_file in self.paths.root.glob("pg-*/postmaster.pid"):
            with contextlib.suppress(FileNotFoundError, ValueError):
                return int(pid_file.read_text().split("\n")[0])
        return 0

    def processes(self) -> list[int]:
        """Every process that has to do with this state directory, by command line or working directory."""
        needle = os.fsencode(self.paths.root)
        found = []
        for proc in Path("/proc").glob("[0-9]*"):
            try:
                command_line = (proc / "cmdline").read_bytes() + os.fsencode((proc / "cwd").readlink())
            except OSError:
                continue
            if needle in command_line and int(proc.name) != os.getpid():
                found.append(int(proc.name))
        return found


def wait_until(condition, *, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def is_stranded(pid: int) -> bool:
    """Whether a process is a sandbox that its parent's end left waiting to begin; see `end_stranded`."""
    process = Path(f"/proc/{pid}")
    try:
        starts = b"\0--die-with-parent\0" in (process / "cmdline").read_bytes()
        return starts and not (process / f"task/{pid}/children").read_text()
    except OSError:
        return False


@contextlib.contextmanager
def made_machine(root: Path):
    """A machine that is down afterwards, with no process left."""
    machine = Machine(root)
    yield machine
    machine.down()
    assert machine.processes() == []


@pytest.fixture
def machine(tmp_path):
    with made_machine(tmp_path / "state") as machine:
        yield machine


@pytest.fixture(scope="module")
def shared_machine(tmp_path_factory):
    """One for all tests that do not care what was there before; starting a stack takes most of their time."""
    with made_machine(tmp_path_factory.mktemp("shared") / "state") as machine:
        yield machine


@pytest.fixture
def running(shared_machine):
    """A machine whose stack is up and idle."""
    shared_machine.up()
    wait_until(lambda: shared_machine.answer("/stack") == {"busy": False})
    return shared_machine


@pytest.fixture
def recipe(tmp_path):
    def make(name: str, command: str) -> Path:
        return make_own_recipe(tmp_path / name, command, name=name)

    return make


def test_stack_serves_the_functions_from_up_to_down(machine):
    assert machine.current() is None
    stack = machine.up()
    assert machine.current() == stack
    assert stack.url.startswith("http://127.0.0.1:")
    assert "ogdc_runner_version" in machine.ask("/version")
    assert machine.ask("/runs")["runs"] == []
    assert machine.ask("/stack") == {"busy": False}
    assert machine.down()
    assert machine.current() is None
    assert machine.processes() == []


def test_down_without_a_stack_does_nothing(machine):
    assert not machine.down()
    assert not machine.paths.root.exists()


def test_up_uses_a_running_stack(running):
    assert running.up() == running.up()


def test_concurrent_callers_start_one_stack(machine):
    assert started_at_once(machine, 6) == {(0, str(machine.current().pid))}
    assert machine.ask("/stack") == {"busy": False}  # it outlives the process that started it


def test_concurrent_callers_replace_a_stack_of_other_files_by_one(running):
    """They do not end each other, nor what another has started meanwhile."""
    first = running.current()
    record = json.loads(running.paths.record.read_text())
    running.paths.record.write_text(json.dumps(record | {"installation": "0" * 64}))
    [(code, pid)] = started_at_once(running, 6)
    assert (code, pid) == (0, str(running.current().pid))
    assert pid != str(first.pid)


def started_at_once(machine: Machine, callers: int) -> set[tuple[int, str]]:
    """The exit codes of programs that all start a stack, and the pid that they print."""
    script = """
from ogdc_local.stack.control import ensure_up
print(ensure_up(idle_timeout=None).pid)
"""
    command = [sys.executable, "-c", script]
    processes = [
        subprocess.Popen(command, env=machine.environ, stdout=subprocess.PIPE, text=True)
        for _ in range(callers)
    ]
    outputs = [process.communicate(timeout=300)[0].strip() for process in processes]
    return set(zip([process.returncode for process in processes], outputs, strict=True))


def test_two_stacks_are_independent(machine, tmp_path):
    with made_machine(tmp_path / "other") as other:
        with ThreadPoolExecutor(2) as pool:
            stacks = list(pool.map(lambda machine: machine.up(), (machine, other)))
        assert stacks[0].url != stacks[1].url
        machine.down()
        assert "ogdc_runner_version" in other.ask("/version")


def test_port_is_kept_over_a_restart_unless_somebody_took_it(running):
    port = urlsplit(running.current().url).port
    running.down()
    assert urlsplit(running.up().url).port == port
    running.down()
    with socket.create_server(("127.0.0.1", port)):
        assert urlsplit(running.up().url).port != port


def test_a_failed_start_is_reported_and_leaves_nothing(machine, tmp_path):
    with pytest.raises(StackError, match="OGDC_POSTGRES_BIN=/nowhere"):
        machine.up(OGDC_POSTGRES_BIN="/nowhere")
    assert machine.current() is None
    assert machine.processes() == []
    with pytest.raises(StackError, match="OGDC_SANDBOX"):
        machine.up(OGDC_SANDBOX="nonsense")
    assert machine.processes() == []
    machine.up()


def test_a_database_of_another_postgresql_version_is_reported(machine):
    machine.paths.create()
    machine.paths.postgres_data(14).mkdir()
    with pytest.raises(StackError, match=r"pg-14.*move the directory away"):
        machine.up()


def test_a_process_that_dies_during_the_start_is_reported_with_its_output(machine):
    with pytest.raises(StackError, match=r"stack\.log"):
        machine.up(PYTHONHOME="/nowhere")


def test_killed_stack_is_down_at_once_and_loses_no_run(running, recipe):
    pid = running.current().pid
    earlier = {run["name"] for run in running.ask("/runs")["runs"]}
    name = running.submit(recipe("kept", "cp /input_dir/words.txt /output_dir/"))
    postgres = running.postgres_pid()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: running.current() is None)
    wait_until(lambda: all(map(is_stranded, running.processes())))
    stranded = set(running.processes())
    assert not Path(f"/proc/{postgres}/cwd").exists()
    running.up()
    assert stranded.isdisjoint(running.processes())
    assert {run["name"] for run in running.ask("/runs")["runs"]} == {name} | earlier
    wait_until(lambda: running.has_succeeded(name))


def test_down_after_a_kill_leaves_nothing(machine):
    os.kill(machine.up().pid, signal.SIGKILL)
    machine.down()
    wait_until(lambda: machine.processes() == [])


def test_down_ends_what_a_killed_sandbox_left(machine):
    machine.up()
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    words = ["--die-with-parent", str(machine.paths.tasks / "run" / "node")]
    with subprocess.Popen([*sleeping, *words]) as left:
        machine.down()
        assert left.wait(60) == -signal.SIGKILL


def test_killed_postgresql_is_started_again(running, recipe):
    name = running.submit(recipe("served", "cp /input_dir/words.txt /output_dir/"))
    before = running.postgres_pid()
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: running.postgres_pid() not in {0, before})
    wait_until(lambda: running.has_succeeded(name))


def test_a_stack_with_a_removed_state_directory_is_replaced(machine):
    old = machine.up().pid
    while machine.paths.root.exists():  # PostgreSQL may make a file while others go
        shutil.rmtree(machine.paths.root, ignore_errors=True)
    assert machine.current() is None
    new = machine.up()
    wait_until(lambda: not Path(f"/proc/{old}/cwd").exists())
    assert machine.current() == new
    assert machine.ask("/runs")["runs"] == []


def test_idle_stack_stops_by_itself_but_not_while_a_workflow_runs(machine, recipe):
    machine.up()
    name = machine.submit(recipe("slow", "sleep 1.5 && cp /input_dir/words.txt /output_dir/"))
    machine.paths.idle_timeout.write_text("0.5")
    wait_until(lambda: machine.current() is None and machine.processes() == [])
    assert [*machine.paths.artifacts.glob(f"runs/{name}/output/*")], "of the finished workflow"


def test_asking_for_the_stack_resets_the_idle_timer(machine):
    first = machine.up(idle_timeout=600)
    os.utime(machine.paths.idle_timeout, (0, 0))
    assert machine.up(idle_timeout=600) == first
    assert time.time() - machine.paths.idle_timeout.stat().st_mtime < 600


def test_a_stack_without_an_idle_timeout_keeps_running(machine):
    machine.up(idle_timeout=0.5)
    stack = machine.up(idle_timeout=None)
    machine.up(idle_timeout=0.5)
    time.sleep(1.5)
    assert machine.current() == stack


def test_other_settings_restart_an_idle_stack(machine, tmp_path):
    first = machine.up(PATH=SYSTEM_PATH)
    assert machine.up(DATAONE_NODE_URL="", PATH=SYSTEM_PATH).pid == first.pid
    second = machine.up(DATAONE_NODE_URL="http://127.0.0.1:9/mn", PATH=SYSTEM_PATH)
    assert second.pid != first.pid
    assert second.settings == {"DATAONE_NODE_URL": "http://127.0.0.1:9/mn"}
    assert machine.up(PATH=SYSTEM_PATH).pid == second.pid
    third = machine.up(PATH=f"{tmp_path}:{SYSTEM_PATH}")
    assert third.pid != second.pid
    assert third.settings == {"PATH": str(tmp_path)}
    fourth = machine.up(NETRC="/x/netrc", https_proxy="http://ann:pr0xy-pw@127.0.0.1:9", PATH=SYSTEM_PATH)
    assert fourth.settings == {"NETRC": "/x/netrc", "https_proxy": "http://***@127.0.0.1:9"}


def test_other_settings_do_not_end_running_workflows(machine, recipe):
    machine.up()
    machine.submit(recipe("slow", "sleep 600 && cp /input_dir/words.txt /output_dir/"))
    with pytest.raises(StackError, match=r"OGDC_WORKER_CPU=.* not 2.*ogdc-runner down"):
        machine.up(OGDC_WORKER_CPU="2")


def test_stack_of_another_version_is_restarted(running):
    first = running.current()
    record = json.loads(running.paths.record.read_text())
    running.paths.record.write_text(json.dumps(record | {"version": "0.0.1"}))
    assert running.up().pid != first.pid


@pytest.mark.parametrize("files", ["0" * 64, None], ids=["of another checkout", "of a version before"])
def test_stack_of_other_files_is_restarted(running, files):
    first = running.current()
    record = json.loads(running.paths.record.read_text())
    assert record.pop("installation") == installation()
    running.paths.record.write_text(json.dumps(record | ({"installation": files} if files else {})))
    assert running.up().pid != first.pid


def test_down_during_a_start_stops_the_stack(machine):
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(try_up, machine)
        wait_until(lambda: machine.paths.lock.exists() and machine.paths.lock.read_text() != "")
        machine.down()
        starting.result()
    assert machine.current() is None
    assert machine.processes() == []


def try_up(machine: Machine) -> None:
    with contextlib.suppress(StackError):
        machine.up()


def test_no_secret_shows_in_command_lines_or_environments(running):
    stack = running.current()
    key = running.paths.signing_key.read_text().encode()
    for pid in (stack.pid, running.postgres_pid()):
        for name in ("cmdline", "environ"):
            assert key not in Path(f"/proc/{pid}/{name}").read_bytes()
    postgres_environ = Path(f"/proc/{running.postgres_pid()}/environ").read_bytes()
    assert b"HOME=" not in postgres_environ


def test_variables_of_libpq_do_not_affect_the_stack(machine):
    machine.up(
        PGHOST="db.example.org", PGSERVICE="elsewhere", PGOPTIONS="-c default_transaction_read_only=on"
    )
    assert machine.ask("/runs")["runs"] == []


def test_the_state_directory_is_private_to_its_user(running):
    assert running.paths.root.stat().st_mode & 0o077 == 0


def test_any_order_of_ups_downs_and_kills_ends_in_one_working_stack(machine):
    choice = random.Random(7)
    for _ in range(8):
        with ThreadPoolExecutor(3) as pool:
            for act in choice.choices(["up", "up", "down", "kill", "kill postgres"], k=3):
                pool.submit(ACTS[act], machine, choice.random())
    machine.up()
    wait_until(lambda: machine.answer("/runs") is not None)


def kill_stack(machine: Machine) -> None:
    stack = machine.current()
    if stack is not None:
        os.kill(stack.pid, signal.SIGKILL)


def kill_postgres(machine: Machine) -> None:
    if (pid := machine.postgres_pid()) > 0:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def after_a_while(act):
    def run(machine: Machine, seconds: float) -> None:
        time.sleep(seconds)
        act(machine)

    return run


ACTS = {
    "up": after_a_while(try_up),
    "down": after_a_while(lambda machine: machine.down()),
    "kill": after_a_while(kill_stack),
    "kill postgres": after_a_while(kill_postgres),
}
