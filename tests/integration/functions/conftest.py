"""The four services as functions-framework serves them, before a real database, store and Argo Server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import functions_framework
import pytest
from flask.testing import FlaskClient

from ogdc_shared.config import DatabaseSettings, Settings
from ogdc_shared.context import Context
from support.argo_server import ArgoServer

ENTRYPOINTS = Path(__file__).parents[3] / "functions" / "entrypoints"
NAMESPACE = "ogdc"

Serve = Callable[[str], FlaskClient]


@pytest.fixture
def argo() -> Iterator[ArgoServer]:
    """Argo, which runs nothing by itself."""
    with ArgoServer(NAMESPACE) as server:
        yield server


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """The directory of the artifact store."""
    return tmp_path / "artifacts"


@pytest.fixture
def environment(
    database_settings: DatabaseSettings, argo: ArgoServer, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """A deployment's settings, in the environment; return what changes them for the rest of the test."""
    for name, value in {
        "ACCESS_MODE": "open",
        "OGDC_DB_HOST": database_settings.host,
        "OGDC_DB_NAME": database_settings.name,
        "OGDC_DB_USERNAME": database_settings.user,
        "OGDC_DB_TIMEOUT": "60",
        "ARGO_WORKFLOWS_SERVICE_URL": argo.url,
        "ARGO_NAMESPACE": NAMESPACE,
        "ARGO_TIMEOUT": "60",
        "OGDC_ARTIFACT_DIR": str(artifacts),
        "OGDC_ARTIFACT_URL": "http://127.0.0.1:9",
        "OGDC_ALLOWED_NETWORKS": '["127.0.0.0/8"]',  # the tests' own servers
        "OGDC_SIGNING_KEY": "0123456789abcdef",
        "WORKERS": "1",
        "FUNCTION_TARGET": "",
        "FUNCTION_SIGNATURE_TYPE": "http",
    }.items():
        monkeypatch.setenv(name, str(value))
    return monkeypatch


@pytest.fixture
def serve(environment: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start a service by its name, from its entrypoint, as its process would."""
    root = logging.getLogger()
    level = root.level
    contexts: list[Context] = []

    class RememberedContext(Context):
        def __init__(self, settings: Settings) -> None:
            super().__init__(settings)
            contexts.append(self)

    environment.setattr("ogdc_functions.service.Context", RememberedContext)

    def start(name: str) -> FlaskClient:
        app = functions_framework.create_app(name, str(ENTRYPOINTS / f"{name}_service.py"))
        client: FlaskClient = app.test_client()
        return client

    yield start
    root.setLevel(level)
    for context in contexts:
        context.close()


@pytest.fixture
def submit(serve: Serve) -> FlaskClient:
    return serve("submit")


@pytest.fixture
def status(serve: Serve) -> FlaskClient:
    return serve("status")


@pytest.fixture
def argo_events(serve: Serve) -> FlaskClient:
    return serve("argo_events")


@pytest.fixture
def upload(serve: Serve) -> FlaskClient:
    return serve("upload")
