"""GET /readyz with a real database that is there, away, behind or busy."""

from __future__ import annotations

import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ogdc_functions.http import readiness
from ogdc_shared.db.database import Database
from ogdc_shared.db.migrate import migrate
from support.postgres import PostgresServer, wait_for_a_waiting_statement

SERVICES = ["submit", "status", "argo_events", "upload"]


@pytest.fixture(autouse=True)
def _fresh_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 300)
    monkeypatch.setattr(readiness, "READY_SECONDS", 0)
    monkeypatch.setattr(readiness, "UNREADY_SECONDS", 0)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_ready_with_its_database(serve, name: str):
    response = serve(name).get("/readyz")

    assert (response.status_code, response.get_json()) == (200, {"status": "ready"})


@pytest.mark.parametrize("mode", ["authenticated", "read_only"])
def test_probes_need_no_name_in_any_mode(serve, environment, mode: str):
    environment.setenv("ACCESS_MODE", mode)

    assert serve("submit").get("/readyz").status_code == 200


def test_a_service_is_not_ready_before_the_migration(serve, environment, empty_database_settings):
    environment.setenv("OGDC_DB_NAME", empty_database_settings.name)
    status = serve("status")

    response = status.get("/readyz")
    assert response.status_code == 503
    assert "ogdc_shared.db.migrate" in response.get_json()["detail"]
    assert response.headers["Retry-After"]
    assert status.get("/healthz").status_code == 200

    database = Database(empty_database_settings)
    migrate(database)
    database.close()
    assert status.get("/readyz").status_code == 200


def test_a_service_is_not_ready_if_a_migration_is_missing(status, database: Database):
    with database.transaction() as conn:
        conn.execute("DELETE FROM migrations WHERE name LIKE '0004%'")

    assert "0004_triggers" in status.get("/readyz").get_json()["detail"]


def test_a_service_is_ready_with_a_newer_schema(status, database: Database):
    with database.transaction() as conn:
        conn.execute("INSERT INTO migrations (name, checksum) VALUES ('9999_later', 'x')")

    assert status.get("/readyz").status_code == 200


def test_readiness_follows_an_outage_and_its_end(serve, environment):
    with tempfile.TemporaryDirectory(prefix="ogdc-pg-") as directory:
        server = PostgresServer(Path(directory))
        server.start()
        database = Database(server.settings())
        migrate(database)
        database.close()
        for name, value in server.settings()._asdict().items():
            if name in {"host", "name"}:
                environment.setenv(f"OGDC_DB_{name.upper()}", value)
        status = serve("status")

        seen = [status.get("/readyz").status_code]
        server.kill()
        seen.append(status.get("/readyz").status_code)
        seen.append(status.get("/healthz").status_code)
        server.start()
        seen.append(status.get("/readyz").status_code)
        server.stop()

    assert seen == [200, 503, 200, 200]


def test_readiness_does_not_wait_for_a_silent_database(serve, environment):
    environment.setattr(readiness, "PATIENCE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment.setenv("OGDC_DB_HOST", "127.0.0.1")
        environment.setenv("OGDC_DB_PORT", str(silent.getsockname()[1]))
        environment.setenv("OGDC_DB_TIMEOUT", "60")
        status = serve("status")

        begun = time.monotonic()
        response = status.get("/readyz")

        assert time.monotonic() - begun < 30
    assert response.status_code == 503
    assert "has not answered" in response.get_json()["detail"]


def test_busy_connections_do_not_make_it_unready(serve, environment, database: Database):
    environment.setenv("OGDC_DB_POOL_SIZE", "1")
    status = serve("status")
    with ThreadPoolExecutor() as threads:
        with database.transaction() as conn:
            conn.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
            slow = threads.submit(lambda: status.get("/runs").status_code)
            wait_for_a_waiting_statement(database)
            assert status.get("/readyz").status_code == 200
        assert slow.result() == 200
