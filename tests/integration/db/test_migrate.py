import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
import pytest

from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db import migrate as module
from ogdc_shared.db.database import Database
from ogdc_shared.db.migrate import migrate
from ogdc_shared.errors import ConfigurationError, DatabaseUnavailableError
from support.postgres import PostgresServer


@pytest.fixture
def empty(empty_database_settings):
    database = Database(empty_database_settings)
    yield database
    database.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two migrations, of which the second builds on the first."""
    (tmp_path / "0001_one.sql").write_text(
        "CREATE TABLE one (number integer); CREATE TABLE two (number integer);"
    )
    (tmp_path / "0002_two.sql").write_text("INSERT INTO one VALUES (7); -- 100%")
    return tmp_path


def tables(database: Database) -> set[str]:
    with database.autocommit() as conn:
        found = conn.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        return {name for (name,) in found}


def command(settings: DatabaseSettings) -> dict:
    """What to give `subprocess` to migrate a database by the command line."""
    env = {"OGDC_DB_HOST": settings.host, "OGDC_DB_NAME": settings.name, "OGDC_DB_USERNAME": settings.user}
    return {"args": [sys.executable, "-m", "ogdc_shared.db.migrate"], "env": os.environ | env, "text": True}


def test_all_missing_migrations_are_applied_in_order(empty, directory):
    assert migrate(empty, directory=directory) == ["0001_one", "0002_two"]
    assert tables(empty) == {"one", "two", "migrations"}


def test_a_second_time_nothing_is_left_to_do(empty, directory):
    migrate(empty, directory=directory)
    assert migrate(empty, directory=directory) == []


def test_later_only_the_new_ones_are_applied(empty, directory):
    migrate(empty, directory=directory)
    (directory / "0003_three.sql").write_text("CREATE TABLE three (number integer)")
    assert migrate(empty, directory=directory) == ["0003_three"]


def test_an_edited_migration_is_refused_and_named(empty, directory):
    migrate(empty, directory=directory)
    (directory / "0001_one.sql").write_text("CREATE TABLE one (number bigint)")
    (directory / "0003_three.sql").write_text("CREATE TABLE three (number integer)")
    with pytest.raises(ConfigurationError, match="0001_one was edited"):
        migrate(empty, directory=directory)
    assert "three" not in tables(empty)


def test_a_failing_migration_leaves_nothing_of_itself_or_those_before_it(empty, directory):
    (directory / "0003_three.sql").write_text("CREATE TABLE three (number integer); SELECT 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty, directory=directory)
    assert tables(empty) == set()


def test_an_older_version_runs_on_a_newer_schema(empty, directory):
    migrate(empty, directory=directory)
    (directory / "0002_two.sql").unlink()
    assert migrate(empty, directory=directory) == []


def test_threads_that_start_at_once_all_succeed_and_one_applies(empty, directory):
    (directory / "0003_slow.sql").write_text("SELECT pg_sleep(0.3)")
    barrier = threading.Barrier(4)
    results = []

    def start() -> None:
        barrier.wait()
        results.append(migrate(empty, directory=directory))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [[], [], [], ["0001_one", "0002_two", "0003_slow"]]


def test_processes_that_start_at_once_all_succeed_and_one_applies(empty):
    call = command(empty._settings)
    processes = [subprocess.Popen(**call, stdout=subprocess.PIPE) for _ in range(3)]
    said = [process.communicate(timeout=30)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(line.startswith("Applied 0001_runs") for line in said) == [False, False, True]


def test_a_killed_migrator_leaves_nothing_and_keeps_nobody_out(empty, directory):
    program = (
        "import sys; from pathlib import Path; from ogdc_shared.config import Settings;"
        "from ogdc_shared.db.database import Database; from ogdc_shared.db.migrate import migrate;"
        "migrate(Database(Settings.from_env().database), directory=Path(sys.argv[1]))"
    )
    slow = directory / "0003_slow.sql"
    slow.write_text("CREATE TABLE three (number integer); SELECT pg_sleep(1)")
    call = command(empty._settings) | {"args": [sys.executable, "-c", program, str(directory)]}
    with subprocess.Popen(**call) as process:
        wait_for_migrator(empty)
        process.send_signal(signal.SIGKILL)
    assert tables(empty) == set()
    slow.write_text("CREATE TABLE three (number integer)")
    assert migrate(empty, directory=directory) == ["0001_one", "0002_two", "0003_slow"]


def wait_for_migrator(database: Database) -> None:
    query = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    with database.autocommit() as conn:
        while conn.execute(query).fetchone() is None:
            time.sleep(0.01)


def test_who_waits_too_long_for_another_migrator_says_so(empty, directory, monkeypatch):
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.2)
    with empty.transaction() as conn:
        conn.execute("SELECT pg_advisory_xact_lock(%s::bigint)", (module._LOCK,))
        with pytest.raises(DatabaseUnavailableError, match="pg_locks"):
            migrate(empty, directory=directory)


def test_migrating_may_take_longer_than_any_other_statement(empty, directory, monkeypatch):
    monkeypatch.setattr("ogdc_shared.db.database.STATEMENT_SECONDS", 1)
    monkeypatch.setattr("ogdc_shared.db.connection.STATEMENT_SECONDS", 1)
    monkeypatch.setattr("ogdc_shared.db.connection._GRACE_SECONDS", 0)
    (directory / "0003_slow.sql").write_text("SELECT pg_sleep(1.3)")
    assert "0003_slow" in migrate(empty, directory=directory)
    with empty.autocommit() as conn:
        assert conn.execute("SHOW statement_timeout").fetchone() == ("1s",)


def test_the_command_says_why_it_cannot(database_settings):
    call = command(database_settings._replace(name="nowhere"))
    done = subprocess.run(**call, capture_output=True, check=False)
    assert done.returncode == 1
    assert 'database "nowhere" does not exist' in done.stderr


@pytest.fixture
def server():
    """One of the test's own, that runs; below a directory with a short name."""
    with tempfile.TemporaryDirectory(prefix="ogdc-pg-") as directory:
        server = PostgresServer(Path(directory))
        server.start()
        yield server
        server.stop()


def test_the_command_waits_for_a_database_that_is_starting(server):
    settings = server.make_database(template="template0")
    server.stop()
    told = command(settings)
    impatient = subprocess.run(**told, timeout=30, capture_output=True, check=False)
    told["args"] += ["--wait", "60"]

    with subprocess.Popen(**told, stdout=subprocess.PIPE) as waiting:
        time.sleep(1)
        still_waiting = waiting.poll() is None
        server.start()
        said, _ = waiting.communicate(timeout=60)

    assert (impatient.returncode, still_waiting, waiting.returncode) == (1, True, 0)
    assert "does not answer" in impatient.stderr
    assert said.startswith("Applied 0001_")
