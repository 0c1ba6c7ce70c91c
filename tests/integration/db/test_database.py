# ruff: noqa: PT012  a transaction is more than one statement

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db import connection, pool
from ogdc_shared.db.database import Database
from ogdc_shared.db.users import ensure_user
from ogdc_shared.errors import ConfigurationError, DatabaseUnavailableError, OgdcError, UnstorableError
from support.http import closed_port
from support.postgres import PostgresServer


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that the test may stop and kill."""
    with tempfile.TemporaryDirectory(prefix="ogdc-pg-") as directory:
        server = PostgresServer(Path(directory))
        server.start()
        yield server
        server.stop()


def backend(database: Database) -> int:
    with database.autocommit() as conn:
        return conn.info.backend_pid


def users(database: Database) -> list[str]:
    with database.autocommit() as conn:
        return [name for (name,) in conn.execute("SELECT name FROM users ORDER BY name")]


def test_a_transaction_is_committed_at_the_end(database):
    with database.transaction() as conn:
        ensure_user(conn, "anna")
    assert users(database) == ["anna"]


def test_a_transaction_is_rolled_back_on_an_exception(database):
    with pytest.raises(ValueError, match="enough"), database.transaction() as conn:
        ensure_user(conn, "anna")
        raise ValueError("enough")
    assert users(database) == []


def test_a_connection_is_reused(database):
    assert backend(database) == backend(database)


def test_a_connection_left_inside_a_transaction_is_not_reused(database):
    with database.autocommit() as conn:
        conn.execute("BEGIN")
        left = conn.info.backend_pid
    assert backend(database) != left


def test_an_exception_in_a_transaction_costs_no_connection(database):
    before = backend(database)
    with pytest.raises(ZeroDivisionError), database.transaction() as conn:
        conn.execute("SELECT 1")
        raise ZeroDivisionError
    assert backend(database) == before


def test_a_connection_unused_for_long_is_closed(database, monkeypatch):
    with database.autocommit() as one, database.autocommit() as other:
        assert one is not other
    monkeypatch.setattr(pool, "_IDLE_SECONDS", -1.0)
    backend(database)
    assert one.closed
    assert other.closed


def test_closing_leaves_no_connection_and_a_usable_object(database):
    with database.autocommit() as conn:
        pass
    database.close()
    assert conn.closed
    backend(database)


def test_times_come_back_in_utc(database):
    with database.autocommit() as conn:
        assert str(conn.execute("SELECT now()").fetchone()[0].tzinfo) == "UTC"


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "\0", "grün ✓ 𝄞"])
def test_any_text_can_be_sent(database, text):
    with database.transaction() as conn:
        user = ensure_user(conn, text)
        assert ensure_user(conn, text) == user
        assert user.name == text.replace("\0", "\ufffd").encode(errors="replace").decode()


def test_the_pool_opens_no_more_connections_than_allowed(database_settings):
    database = Database(database_settings._replace(pool_size=2))
    seen: set[int] = set()

    def use() -> None:
        with database.autocommit() as conn:
            seen.add(conn.info.backend_pid)
            conn.execute("SELECT pg_sleep(0.05)")

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    assert len(seen) == 2


def test_a_caller_waits_no_longer_than_the_timeout_for_a_free_connection(database_settings):
    database = Database(database_settings._replace(pool_size=1, timeout=0.2))
    with database.autocommit():
        start = time.monotonic()
        with pytest.raises(DatabaseUnavailableError), database.autocommit():
            pass
        assert 0.1 < time.monotonic() - start < 20
    backend(database)
    database.close()


def test_a_database_without_the_schema_says_what_to_do(postgres_server, empty_database_settings):
    database = Database(empty_database_settings)
    with pytest.raises(ConfigurationError, match=r"python -m ogdc_shared\.db\.migrate"):
        users(database)
    database.close()


def test_a_server_that_refuses_is_an_error_at_once():
    with closed_port() as url:
        port = int(url.rpartition(":")[2])
        database = Database(DatabaseSettings(host="127.0.0.1", port=port, name="x", user="x", timeout=600))
        with pytest.raises(DatabaseUnavailableError):
            backend(database)


def test_the_error_says_nothing_about_the_server():
    database = Database(DatabaseSettings(host="/nowhere", name="secret", user="somebody", password="pw"))
    with pytest.raises(DatabaseUnavailableError) as caught:
        backend(database)
    assert str(caught.value) == "The database does not answer; try again in a moment."


def test_a_server_that_never_answers_is_given_up_at_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = Database(DatabaseSettings(host="127.0.0.1", port=port, name="x", user="x", timeout=2.0))
        start = time.monotonic()
        with pytest.raises(DatabaseUnavailableError):
            backend(database)
        assert 1.5 < time.monotonic() - start < 30


def test_a_statement_that_takes_too_long_is_given_up(database, monkeypatch):
    monkeypatch.setattr("ogdc_shared.db.database.STATEMENT_SECONDS", 1)
    with pytest.raises(DatabaseUnavailableError), database.autocommit() as conn:
        conn.execute("SELECT pg_sleep(20)")


def test_a_restart_of_the_server_fails_no_call(own_server):
    database = Database(own_server.settings())
    with database.autocommit(), database.autocommit():
        pass  # two idle connections, both of which the restart ends
    own_server.stop()
    own_server.start()
    for _ in range(3):
        backend(database)
    database.close()


def test_an_outage_fails_each_call_at_once_and_ends_with_the_servers_return(own_server):
    database = Database(own_server.settings()._replace(timeout=600))
    backend(database)
    own_server.stop()
    for _ in range(20):
        with pytest.raises(DatabaseUnavailableError):
            backend(database)
    own_server.start()
    backend(database)
    database.close()


def test_a_transaction_whose_server_is_killed_leaves_nothing(own_server):
    database = Database(own_server.settings())
    with database.transaction() as conn:
        conn.execute("CREATE TABLE kept (number integer)")
    with pytest.raises(DatabaseUnavailableError), database.transaction() as conn:
        conn.execute("INSERT INTO kept VALUES (1)")
        own_server.kill()
        own_server.start()
        conn.execute("INSERT INTO kept VALUES (2)")
    with database.autocommit() as conn:
        assert conn.execute("SELECT * FROM kept").fetchall() == []
    database.close()


def test_a_server_that_freezes_is_given_up_in_the_middle_and_at_the_beginning(own_server, monkeypatch):
    monkeypatch.setattr(connection, "STATEMENT_SECONDS", 0.3)
    monkeypatch.setattr(connection, "_GRACE_SECONDS", 0.1)
    database = Database(own_server.settings()._replace(timeout=2.0))
    with pytest.raises(DatabaseUnavailableError), database.transaction() as conn:
        conn.execute("CREATE TABLE kept ()")
        with own_server.frozen():
            conn.execute("SELECT 1")
    with own_server.frozen(), pytest.raises(DatabaseUnavailableError):
        backend(database)
    database.close()
    monkeypatch.undo()
    database = Database(own_server.settings()._replace(timeout=300))
    with database.autocommit() as conn:
        assert conn.execute("SELECT to_regclass('kept')").fetchone() == (None,)
    database.close()


def test_a_migration_may_exceed_the_statement_timeout(database, monkeypatch):
    monkeypatch.setattr(connection, "_GRACE_SECONDS", 0.0)
    with database.transaction() as conn, monkeypatch.context() as patch, conn.unlimited():
        patch.setattr(connection, "STATEMENT_SECONDS", 0.1)
        conn.execute("SELECT pg_sleep(0.5)")
    monkeypatch.setattr(connection, "STATEMENT_SECONDS", 0.1)
    with pytest.raises(DatabaseUnavailableError), database.autocommit() as conn:
        conn.execute("SELECT pg_sleep(0.5)")


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("53100", DatabaseUnavailableError, "disk is full"),
        ("25006", DatabaseUnavailableError, "takes no changes"),
        ("57014", DatabaseUnavailableError, "takes too long"),
        ("40001", DatabaseUnavailableError, "does not answer"),
        ("57P01", DatabaseUnavailableError, "does not answer"),
        ("54000", UnstorableError, "cannot hold"),
        ("54001", UnstorableError, "cannot hold"),
        ("22001", UnstorableError, "cannot hold"),
        ("22P05", UnstorableError, "cannot hold"),
        ("42P01", ConfigurationError, "schema"),
        ("42501", ConfigurationError, "schema"),
    ],
)
def test_errors_of_the_server_are_mapped_to_our_errors(
    database, code: str, kind: type[OgdcError], words: str
):
    with pytest.raises(OgdcError, match=words) as caught, database.autocommit() as conn:
        conn.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$")
    assert type(caught.value) is kind


def test_a_value_too_large_for_an_index_is_an_error_of_the_caller(database):
    text = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(8000))
    with pytest.raises(UnstorableError), database.transaction() as conn:
        ensure_user(conn, text)
    assert users(database) == []
