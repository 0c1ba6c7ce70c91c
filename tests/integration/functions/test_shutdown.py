"""SIGTERM, as Kubernetes sends it once Knative's queue-proxy has drained."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from ogdc_shared.db.database import Database
from support.postgres import EMPTYING, wait_for_a_waiting_statement
from support.services import Service

HTTP = urllib3.PoolManager(retries=False, timeout=300)


@pytest.fixture
def service(environment, tmp_path: Path) -> Iterator[Service]:
    with Service("status", log=tmp_path / "service.log") as service:
        yield service


def connections(database: Database) -> int:
    query = """
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> %s
    """
    with database.autocommit() as conn:
        return conn.execute(query, [EMPTYING]).rowcount


def test_a_request_in_progress_is_finished(service: Service, database: Database):
    with ThreadPoolExecutor() as threads:
        with database.transaction() as conn:
            conn.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
            slow = threads.submit(HTTP.request, "GET", f"{service.url}/runs")
            wait_for_a_waiting_statement(database)
            service.terminate()
            time.sleep(0.5)
            assert not slow.done()
        response = slow.result()

    assert (response.status, response.json()) == (200, {"runs": [], "next": None})
    assert service.wait() == 0


def test_an_idle_connection_gets_one_response_with_connection_close(service: Service, database: Database):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    with ThreadPoolExecutor() as threads, database.transaction() as conn:
        conn.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        threads.submit(HTTP.request, "GET", f"{service.url}/runs")
        wait_for_a_waiting_statement(database)
        service.terminate()
        announced = None
        while announced != "close":  # the signal may take a while to arrive
            connection.request("GET", "/healthz")
            response = connection.getresponse()
            response.read()
            assert response.status == 200
            announced = response.headers["Connection"]
    connection.close()

    assert service.wait() == 0


def test_shutdown_closes_all_connections(service: Service, database: Database, tmp_path: Path):
    assert HTTP.request("GET", f"{service.url}/runs").status == 200
    assert connections(database) == 1

    service.terminate()
    begun = time.monotonic()
    assert service.wait() == 0

    assert time.monotonic() - begun < 30
    deadline = time.monotonic() + 300
    while connections(database) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert connections(database) == 0
    assert service.lines() == []
