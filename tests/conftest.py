"""Fixtures that more than one package's tests need."""

from __future__ import annotations

import gc
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db.database import Database
from ogdc_shared.db.migrate import migrate
from support.memory import use_huge_pages, use_memory
from support.postgres import PostgresServer

# The same examples each time, so that a test fails by a change alone, and not for the machine's being slow.
# Others are looked for by `pytest --hypothesis-profile=explore`, and `make quick` takes a few of them.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _PATIENT, derandomize=True, database=None, max_examples=50)
settings.register_profile("few", _PATIENT, derandomize=True, database=None, max_examples=10)
settings.register_profile("explore", _PATIENT, max_examples=1000)
settings.load_profile("same")


_UNIT = Path(__file__).parent / "unit"
_SIGNALS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGTERM: signal.SIG_DFL,
}
"""How they are taken: what a script or nohup starts inherits that they are ignored."""


def pytest_configure() -> None:
    """Take signals as usual, also in a worker of pytest-xdist; its workers inherit where files lie."""
    _take_signals()
    use_memory()
    gc.disable()  # what is imported and collected stays


def pytest_collection_finish() -> None:
    """Look for garbage from here on, and only among what tests make."""
    gc.freeze()
    gc.enable()
    use_huge_pages()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files of unit tests that take long first, so that the last of all keep no worker waiting."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: _UNIT in item.path.parents and 1 + (item.path not in slow))


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Take signals as usual again after a test that has changed that."""
    yield
    _take_signals()


def _take_signals() -> None:
    for number, handler in _SIGNALS.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's PostgreSQL, with a migrated database to copy."""
    with tempfile.TemporaryDirectory(prefix="ogdc-pg-") as directory:
        server = PostgresServer(Path(directory))
        server.start()
        try:
            template = Database(server.make_template())
            migrate(template)
            template.close()
            yield server
        finally:
            server.stop()


@pytest.fixture
def empty_database_settings(postgres_server: PostgresServer) -> Iterator[DatabaseSettings]:
    """A database of the test's own without any table."""
    settings = postgres_server.make_database(template="template0")
    yield settings
    postgres_server.drop_database(settings)


@pytest.fixture
def database_settings(postgres_server: PostgresServer) -> Iterator[DatabaseSettings]:
    """A migrated database of the test's own, empty."""
    settings = postgres_server.lend_database()
    yield settings
    postgres_server.take_back(settings)


@pytest.fixture
def database(database_settings: DatabaseSettings) -> Iterator[Database]:
    """Connections to the test's own database."""
    database = Database(database_settings)
    yield database
    database.close()
