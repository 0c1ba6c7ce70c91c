import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
import pytest

from ogdc_shared.auth.tokens import is_token, token_hash
from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db import migrate as module
from ogdc_shared.db.api_tokens import find_token_user
from ogdc_shared.db.database import Database
from ogdc_shared.db.first_admin import make_first_admin, renew_first_admin
from ogdc_shared.db.migrate import migrate, require_migrated
from ogdc_shared.db.queries import SQL_DIR
from ogdc_shared.db.runs import get_run
from ogdc_shared.db.users import find_user
from ogdc_shared.db.workflow_state import EventRef, clear_refresh, record_reference, record_state
from ogdc_shared.errors import ConfigurationError, DatabaseUnavailableError
from support.postgres import PostgresServer
from support.records import state


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


def test_migrating_again_applies_nothing(empty, directory):
    migrate(empty, directory=directory)
    assert migrate(empty, directory=directory) == []


def test_only_new_migrations_are_applied(empty, directory):
    migrate(empty, directory=directory)
    (directory / "0003_three.sql").write_text("CREATE TABLE three (number integer)")
    assert migrate(empty, directory=directory) == ["0003_three"]


def test_plans_for_a_new_database_use_the_indexes_of_runs(database):
    with database.autocommit() as conn:
        ((first, *_), *_) = conn.execute("EXPLAIN SELECT FROM runs WHERE name = 'ice'").fetchall()
    assert "using runs_name_key on runs" in first


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
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(line.startswith("Applied 0001_runs") for line in outputs) == [False, False, True]


def printed_tokens(output: str) -> list[str]:
    return [line for line in output.splitlines() if is_token(line)]


def test_of_many_migrations_at_once_one_makes_the_first_admin_and_prints_their_token_once(empty):
    call = command(empty._settings)
    processes = [subprocess.Popen(**call, stdout=subprocess.PIPE) for _ in range(3)]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    printed = [token for output in outputs for token in printed_tokens(output)]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(printed) == 1
    assert token_user(empty, printed[0])[:3] == ("ogdc", "admin", "admin")
    assert printed_tokens(subprocess.run(**call, stdout=subprocess.PIPE, check=True).stdout) == []


@pytest.mark.parametrize("mode", ["open", "read_only"])
def test_without_authentication_an_admin_is_only_created_on_request(empty, mode):
    call = command(empty._settings)
    call["env"]["ACCESS_MODE"] = mode
    assert printed_tokens(subprocess.run(**call, stdout=subprocess.PIPE, check=True).stdout) == []
    call["args"].append("--admin-token")

    [token] = printed_tokens(subprocess.run(**call, stdout=subprocess.PIPE, check=True).stdout)
    assert token_user(empty, token)[:3] == ("ogdc", "admin", "admin")


def test_a_new_admin_token_revokes_the_earlier_ones(empty):
    migrate(empty)
    first = make_first_admin(empty)
    assert first
    assert make_first_admin(empty) is None
    with empty.autocommit() as conn:
        conn.execute("UPDATE users SET disabled_at = now(), role = 'viewer'")
    second = renew_first_admin(empty)

    assert token_user(empty, first)[3:] == (True, False)
    assert token_user(empty, second) == ("ogdc", "admin", "admin", False, False)
    with empty.autocommit() as conn:
        acts = conn.execute("SELECT action, actor FROM audit ORDER BY id").fetchall()
    done = ["user.add", "token.add", "user.change", "token.revoke", "token.add"]
    assert acts == [(each, None) for each in done]


def token_user(database: Database, token: str) -> tuple:
    with database.autocommit() as conn:
        found = find_token_user(conn, token_hash(token))
    assert found
    return found.issuer, found.subject, found.user_role, found.is_revoked, found.is_disabled


def test_users_of_the_previous_version_are_kept_and_found(empty, tmp_path):
    """0010: a user of before is whom `open` calls so, and services of both versions add some meanwhile."""
    for file in sorted((SQL_DIR / "migrations").glob("000*_*.sql")):
        shutil.copy(file, tmp_path)
    migrate(empty, directory=tmp_path)
    with empty.autocommit() as conn:
        conn.execute("INSERT INTO users (issuer, name) VALUES ('open', 'anna')")
    migrate(empty)
    with empty.autocommit() as conn:
        adding = "INSERT INTO users (issuer, name) VALUES ('open', 'bert')"
        conn.execute(f"{adding} ON CONFLICT (issuer, name) DO NOTHING")  # as the version before does
        anna, bert = (find_user(conn, name, issuer="open") for name in ("anna", "bert"))

    assert [(each.subject, each.name, each.role, each.disabled_at) for each in (anna, bert) if each] == [
        ("anna", "anna", None, None),
        ("bert", "bert", None, None),
    ]


def test_a_killed_migration_leaves_no_changes_and_no_lock(empty, directory):
    program = (
        "import sys; from pathlib import Path; from ogdc_shared.config import Settings;"
        "from ogdc_shared.db.database import Database; from ogdc_shared.db.migrate import migrate;"
        "migrate(Database(Settings.from_env().database), directory=Path(sys.argv[1]))"
    )
    slow = directory / "0003_slow.sql"
    slow.write_text("CREATE TABLE three (number integer); SELECT pg_advisory_xact_lock(1)")
    call = command(empty._settings) | {"args": [sys.executable, "-c", program, str(directory)]}
    with empty.transaction() as conn:
        conn.execute("SELECT pg_advisory_xact_lock(1)")
        with subprocess.Popen(**call) as process:
            wait_for_migrator(empty)
            process.send_signal(signal.SIGKILL)
    assert tables(empty) == set()
    slow.write_text("CREATE TABLE three (number integer)")
    assert migrate(empty, directory=directory) == ["0001_one", "0002_two", "0003_slow"]


def wait_for_migrator(database: Database) -> None:
    query = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    with database.autocommit() as conn:
        while conn.execute(query).fetchone() is None:
            time.sleep(0.01)


def test_waiting_too_long_for_another_migration_is_an_error(empty, directory, monkeypatch):
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


def test_a_database_that_stores_no_unicode_is_refused(postgres_server):
    settings = postgres_server.make_database(template="template0", encoding="SQL_ASCII")
    database = Database(settings)

    for refused in (migrate, require_migrated):
        with pytest.raises(ConfigurationError, match=r"has the encoding SQL_ASCII.*need UTF8"):
            refused(database)

    assert tables(database) == set()
    database.close()
    postgres_server.drop_database(settings)


def test_the_command_prints_why_it_fails(database_settings):
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
    arguments = command(settings)
    impatient = subprocess.run(**arguments, timeout=30, capture_output=True, check=False)
    arguments["args"] += ["--wait", "60"]

    with subprocess.Popen(**arguments, stdout=subprocess.PIPE) as waiting:
        time.sleep(1)
        still_waiting = waiting.poll() is None
        server.start()
        outputs, _ = waiting.communicate(timeout=300)

    assert (impatient.returncode, still_waiting, waiting.returncode) == (1, True, 0)
    assert "does not answer" in impatient.stderr
    assert outputs.startswith("Applied 0001_")


def test_a_refresh_request_survives_an_upgrade_and_is_seen_by_both_versions(empty, tmp_path):
    """0008 renames a column: a run that is under way goes on, whichever name a service knows."""
    for file in sorted((SQL_DIR / "migrations").glob("000[1-7]_*.sql")):
        shutil.copy(file, tmp_path)
    migrate(empty, directory=tmp_path)
    with empty.autocommit() as conn:
        conn.execute("INSERT INTO users (issuer, name) VALUES ('open', 'anna')")
        conn.execute("INSERT INTO recipes (id, name) VALUES ('r', 'R')")
        conn.execute(
            "INSERT INTO runs (name, recipe_id, snapshot, output_type, overwrite, partitions, submitted_by,"
            " manifest, handed_over_at, phase, ask_since)"
            " SELECT 'r-1', 'r', repeat('0', 64), 'pvc', false, 1, id, '{}', now(), 'Running', now()"
            " FROM users"
        )

    migrate(empty)

    def both() -> tuple[object, object]:
        return conn.execute("SELECT ask_since, refresh_requested_at FROM runs").fetchone()

    with empty.autocommit() as conn:
        assert get_run(conn, "r-1").refresh_requested_at == both()[0] is not None
        conn.execute("UPDATE runs SET ask_since = NULL")
        assert get_run(conn, "r-1").refresh_requested_at is None
        record_reference(conn, "r-1", event_ref=EventRef("s", "1", "t", None))
        assert both()[0] == both()[1] is not None
        conn.execute("UPDATE runs SET asked_at = now()")
        clear_refresh(conn, "r-1")
        assert both() == (None, None)
        conn.execute("UPDATE runs SET ask_since = now()")
        assert both()[0] == both()[1] is not None
        record_state(conn, state("r-1", 2, phase="Succeeded"))
        assert get_run(conn, "r-1").status == "Succeeded"
