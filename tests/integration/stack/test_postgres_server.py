from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psycopg
import pytest

from ogdc_local.errors import RemovedStateError, StackError
from ogdc_local.stack import postgres, privileges
from ogdc_local.stack.binaries import find_binaries
from ogdc_local.stack.postgres import DATABASE, USER, Postgres, stop_orphan
from support.clusters import plant


class Server:
    """A PostgreSQL of the test's own, and how to reach it."""

    def __init__(self, root: Path, binaries=None) -> None:
        self.root = root
        self.data = root / "pg"
        (root / "run").mkdir(mode=0o700, exist_ok=True)
        self.postgres = Postgres(
            binaries=binaries or find_binaries(lambda _: self.data, os.environ),
            data=self.data,
            socket_dir=root / "run",
            log=root / "log",
        )

    def connect(self, **options):
        return psycopg.connect(host=str(self.root / "run"), dbname=DATABASE, user=USER, **options)

    def execute(self, query: str):
        with self.connect() as connection:
            cursor = connection.execute(query)
            return cursor.fetchone() if cursor.description else None


@pytest.fixture
def root():
    directory = Path(tempfile.mkdtemp(prefix="ogdc-"))
    yield directory
    for data in directory.glob("pg*"):
        stop_orphan(data)
    shutil.rmtree(directory)


@pytest.fixture
def new_server(root):
    server = Server(root)
    yield server
    server.postgres.stop()


@pytest.fixture
def server(new_server):
    """One whose data directory is there."""
    plant(new_server.data)
    return new_server


def wait_until(condition, *, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def pid_of(server: Server) -> int:
    pid = server.postgres.pid
    assert pid is not None
    return pid


def exists(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start_elsewhere(root: Path) -> subprocess.Popen[str]:
    """Start the server from another process, as a stack would, and wait for it."""
    script = f"""
        import sys
        from pathlib import Path
        sys.path[:0] = {[str(Path(__file__).parents[number]) for number in (0, 2)]!r}
        from test_postgres_server import Server
        server = Server(Path({str(root)!r}))
        server.postgres.start()
        print(server.postgres.pid, flush=True)
        sys.stdin.read()
        """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_first_start_makes_a_utf8_database_that_flushes_to_disk(new_server):
    new_server.postgres.start()
    assert new_server.execute("SHOW server_encoding") == ("UTF8",)
    assert new_server.execute("SHOW fsync") == ("on",)
    assert new_server.execute("SHOW synchronous_commit") == ("on",)


def test_it_listens_only_on_a_private_socket(server):
    server.postgres.start()
    assert server.execute("SHOW listen_addresses") == ("",)
    assert os.stat(server.root / "run" / ".s.PGSQL.5432").st_mode & 0o077 == 0


def test_data_outlive_a_stop(server):
    server.postgres.start()
    server.execute("CREATE TABLE kept AS SELECT 1 AS one")
    server.postgres.stop()
    assert not server.postgres.running
    server.postgres.start()
    assert server.execute("SELECT one FROM kept") == (1,)


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_restart_neither_creates_a_removed_data_directory_nor_touches_its_replacement(server, replaced):
    server.postgres.start()
    server.postgres.stop()
    server.data.rename(server.root / "pg-away")
    if replaced:
        server.data.mkdir()
        (server.data / "postmaster.pid").write_text("of another server")
    with pytest.raises(RemovedStateError, match="was removed or replaced"):
        server.postgres.start()
    assert server.data.exists() == replaced
    assert not replaced or (server.data / "postmaster.pid").exists()


def test_stop_leaves_no_process(server):
    server.postgres.start()
    pid = pid_of(server)
    server.postgres.stop()
    server.postgres.stop()
    assert not exists(pid)
    assert not (server.data / "postmaster.pid").exists()


def test_killed_server_is_noticed_and_comes_back_with_every_commit(server):
    server.postgres.start()
    server.execute("CREATE TABLE kept (number int)")
    with psycopg.connect(
        host=str(server.root / "run"), dbname=DATABASE, user=USER, autocommit=True
    ) as open_one:
        open_one.execute("INSERT INTO kept SELECT generate_series(1, 100)")
        os.kill(pid_of(server), signal.SIGKILL)
        wait_until(lambda: not server.postgres.running)
        server.postgres.start()
    assert server.execute("SELECT count(*) FROM kept") == (100,)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a parent-death signal")
def test_a_surviving_child_of_a_killed_server_does_not_block_a_start(server):
    server.postgres.start()
    with server.connect() as connection:
        os.kill(connection.info.backend_pid, signal.SIGSTOP)
        os.kill(pid_of(server), signal.SIGKILL)
        wait_until(lambda: not server.postgres.running)
        server.postgres.start()  # where the stopped child held the memory, it would fail
    assert server.execute("SELECT 1") == (1,)


def test_server_shuts_down_when_its_stack_is_killed(root):
    plant(root / "pg")
    stack = start_elsewhere(root)
    pid = int(stack.stdout.readline())
    assert exists(pid)
    stack.kill()
    stack.communicate()
    wait_until(lambda: not exists(pid))


def test_server_left_behind_is_replaced(root):
    plant(root / "pg")
    stack = start_elsewhere(root)
    left_behind = int(stack.stdout.readline())
    server = Server(root)
    try:
        server.postgres.start()
        assert pid_of(server) != left_behind
        assert server.execute("SELECT 1") == (1,)
        assert not exists(left_behind)
    finally:
        server.postgres.stop()
        stack.communicate()


def test_a_zombie_in_the_pid_file_does_not_block_a_start(server):
    server.postgres.start()
    server.postgres.stop()
    zombie = subprocess.Popen(["true"])
    try:
        wait_until(lambda: not exists(zombie.pid))
        (server.data / "postmaster.pid").write_text(f"{zombie.pid}\n{server.data}\n")
        server.postgres.start()
        assert server.execute("SELECT 1") == (1,)
    finally:
        zombie.wait()


def test_a_zombie_in_the_lock_file_does_not_block_a_start(server):
    server.postgres.start()
    lock = server.root / "run" / ".s.PGSQL.5432.lock"
    content = lock.read_text()
    server.postgres.stop()
    zombie = subprocess.Popen(["true"])
    try:
        wait_until(lambda: not exists(zombie.pid))
        lock.write_text(content.replace(content.split()[0], str(zombie.pid), 1))
        server.postgres.start()
        assert server.execute("SELECT 1") == (1,)
    finally:
        zombie.wait()


def test_server_that_comes_up_meanwhile_is_replaced(root, monkeypatch):
    plant(root / "pg")
    stack = start_elsewhere(root)
    left_behind = int(stack.stdout.readline())
    monkeypatch.setattr(postgres, "stop_orphan", skipping_the_first(postgres.stop_orphan))
    server = Server(root)
    try:
        server.postgres.start()
        assert pid_of(server) != left_behind
        assert server.execute("SELECT 1") == (1,)
    finally:
        server.postgres.stop()
        stack.communicate()


def skipping_the_first(function):
    """The function, except that its first call comes too early to find anything."""
    calls = []

    def skipping(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            function(*arguments)

    return skipping


def test_an_unrelated_process_in_the_pid_file_is_not_stopped(server):
    server.postgres.start()
    server.postgres.stop()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        (server.data / "postmaster.pid").write_text(f"{bystander.pid}\n{server.data}\n")
        server.postgres.start()
        assert server.execute("SELECT 1") == (1,)
        assert bystander.poll() is None
        bystander.kill()


@pytest.mark.parametrize("content", ["", "nonsense\n", "-1\n", "0\n", "99999999999\n"])
def test_garbage_in_the_pid_file_does_not_block_a_start(server, content):
    server.postgres.start()
    server.postgres.stop()
    (server.data / "postmaster.pid").write_text(content)
    server.postgres.start()
    assert server.execute("SELECT 1") == (1,)


def test_an_interrupted_first_start_is_repeated(new_server):
    draft = new_server.data.with_name("pg.new")
    draft.mkdir()
    (draft / "PG_VERSION").write_text("15\n")
    new_server.postgres.start()
    assert new_server.execute("SELECT 1") == (1,)
    assert not draft.exists()


def test_errors_of_postgresql_are_reported(server):
    server.postgres.start()
    server.postgres.stop()
    (server.data / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(StackError, match="no_such_setting"):
        server.postgres.start()


def test_errors_of_initdb_are_reported(root):
    broken = find_binaries(lambda _: root / "none", os.environ)._replace(directory=root)
    (root / "initdb").write_text("#!/bin/sh\necho 'initdb: error: no room' >&2\nexit 1\n")
    (root / "initdb").chmod(0o755)
    server = Server(root, binaries=broken)
    with pytest.raises(StackError, match="no room"):
        server.postgres.start()
    assert not server.data.exists()


def test_two_servers_run_side_by_side(root):
    servers = []
    try:
        for name in ("a", "b"):
            (root / name).mkdir()
            plant(root / name / "pg")
            servers.append(Server(root / name))
            servers[-1].postgres.start()
            servers[-1].execute(f"CREATE TABLE {name} (i int)")
        assert servers[0].execute("SELECT to_regclass('b')") == (None,)
    finally:
        for server in servers:
            server.postgres.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give up being root")
def test_root_without_user_namespaces_runs_it_as_nobody(root, monkeypatch):
    monkeypatch.setattr(privileges, "_works", lambda prefix: False)
    server = Server(root)
    try:
        server.postgres.start()
        assert server.execute("SELECT 1") == (1,)
        assert server.data.stat().st_uid == 65534
        assert os.stat(f"/proc/{pid_of(server)}").st_uid == 65534
        server.postgres.stop()
        monkeypatch.undo()
        server.postgres.start()  # what nobody began, nobody goes on with
        assert server.execute("SELECT 1") == (1,)
    finally:
        server.postgres.stop()
