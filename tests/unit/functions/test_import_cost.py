"""What a service loads before its first request decides how long a cold start takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ENTRYPOINTS = Path(__file__).parents[3] / "functions" / "entrypoints"
HEAVY = {
    "asyncio",
    "hera",
    "boto3",
    "botocore",
    "yaml",
    "pydantic",
    "fsspec",
    "urllib3",
    "httpx",
    "requests",
    "opentelemetry",
    "waitress",
    "jwt",
    "cryptography",
}


def start(name: str, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Make a service ready in a process of its own, and run `code` there."""
    source = str(ENTRYPOINTS / f"{name}_service.py")
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"import functions_framework as f; f.create_app({name!r}, {source!r}); {code}",
        ],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["status", "argo_events", "submit", "upload", "users"])
def test_a_service_starts_without_optional_imports(name: str):
    code = "import json, sys; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    ready = start(name, code, ACCESS_MODE="open")

    assert ready.returncode == 0, ready.stderr
    assert set(json.loads(ready.stdout)) & HEAVY == set()


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "code"), [("open", "200"), ("read_only", "200"), ("authenticated", "401")])
def test_open_mode_identifies_callers_without_database_and_keys(mode: str, code: str):
    ask = (
        "import functions_framework as f, sys; "
        f"app = f.create_app('users', {str(ENTRYPOINTS / 'users_service.py')!r}); "
        "answer = app.test_client().get('/me'); "
        "print(answer.status_code, *sys.modules.keys() & {'psycopg', 'jwt', 'cryptography'})"
    )
    asked = subprocess.run(
        [sys.executable, "-c", ask],
        env=os.environ | {"ACCESS_MODE": mode},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert asked.stdout.split() == [code]


@pytest.mark.slow
def test_telemetry_that_is_configured_and_not_installed_stops_the_start():
    missing = "import sys; sys.modules['opentelemetry'] = None; "
    source = str(ENTRYPOINTS / "status_service.py")
    stopped = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{missing}import functions_framework as f; f.create_app('status', {source!r})",
        ],
        env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert stopped.returncode != 0
    assert "ogdc-runner[telemetry]" in stopped.stderr


@pytest.mark.slow
def test_a_setting_that_cannot_be_used_stops_the_start():
    stopped = start("status", ACCESS_MODE="maybe")

    assert stopped.returncode != 0
    assert "ACCESS_MODE='maybe'" in stopped.stderr
