"""The environment of the functions: a real PostgreSQL, and a fake Argo."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from benchmarks.service import ROOT, Service, inherited
from ogdc_local.stack.binaries import find_binaries
from ogdc_local.stack.postgres import DATABASE, USER, Postgres
from ogdc_local.stack.server import listen, url_of
from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db.database import Database
from ogdc_shared.db.migrate import migrate

NAMESPACE = "benchmark"
_CLAIM = "workflow"
_SHAPES = {
    "argo_events": {"WORKERS": "3", "THREADS": "4", "OGDC_DB_POOL_SIZE": "3"},
    "submit": {"WORKERS": "2", "THREADS": "5", "OGDC_DB_POOL_SIZE": "3"},
}
"""As in knative/base."""


class Site:
    """A deployment on this machine, from entering the context until leaving it.

    Attributes:
        settings: How to reach the database.
        argo_url: Argo's base URL.
        postgres_pid: The process id of its server.
        data: Where that keeps what is its.
        artifacts: The artifact store.
        database: The same, connected.
    """

    def __init__(self, directory: Path) -> None:
        """Nothing is started yet.

        Args:
            directory: Empty, and of a short path, since it becomes part of a socket's name.
        """
        self._directory = directory
        self.data, self.artifacts = directory / "data", directory / "artifacts"
        socket_dir = directory / "socket"
        self.settings = DatabaseSettings(host=str(socket_dir), name=DATABASE, user=USER)
        self.database = Database(self.settings)

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            self.postgres_pid = parts.enter_context(_postgres(self._directory))
            parts.callback(self.database.close)
            migrate(self.database)
            self.argo_url = parts.enter_context(_argo(self._directory))
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def service(self, name: str, **environ: str) -> Service:
        """Make `submit`, `status` or `argo_events` from its entrypoint; `environ` are more settings."""
        return Service(
            name,
            source=ROOT / "functions" / "entrypoints" / f"{name}_service.py",
            environ=self._environment() | _SHAPES.get(name, {}) | environ,
            log=self._log(name),
        )

    def empty_service(self) -> Service:
        """Make a function that does nothing; not started yet."""
        source = Path(__file__).with_name("empty_function.py")
        return Service("empty", source=source, environ=inherited(), log=self._log("empty"))

    def _log(self, name: str) -> Path:
        return self._directory / f"{name}.log"

    def _environment(self) -> dict[str, str]:
        return inherited() | {
            "ACCESS_MODE": "open",
            "OGDC_DB_HOST": str(self.settings.host),
            "OGDC_DB_NAME": DATABASE,
            "OGDC_DB_USERNAME": USER,
            "ARGO_WORKFLOWS_SERVICE_URL": self.argo_url,
            "ARGO_NAMESPACE": NAMESPACE,
            "OGDC_WORKFLOW_PVC_NAME": _CLAIM,
            "OGDC_ARTIFACT_DIR": str(self._directory / "artifacts"),
            "OGDC_ARTIFACT_URL": "http://127.0.0.1:9",
            "OGDC_SIGNING_KEY": "only-for-benchmarks",
        }


@contextmanager
def _postgres(directory: Path) -> Iterator[int]:
    data, socket_dir = directory / "data", directory / "socket"
    socket_dir.mkdir(mode=0o700)
    postgres = Postgres(
        binaries=find_binaries(lambda _: data, os.environ),
        data=data,
        socket_dir=socket_dir,
        log=directory / "postgres.log",
    )
    postgres.start()
    try:
        yield postgres.pid or 0
    finally:
        postgres.stop()


@contextmanager
def _argo(directory: Path) -> Iterator[str]:
    """Run `benchmarks.argo`, which takes over a socket that listens already; yield its base URL."""
    with listen(None) as listener, (directory / "argo.log").open("wb") as log:
        descriptor, url = listener.fileno(), url_of(listener)
        arguments = [str(descriptor), str(directory), NAMESPACE, _CLAIM]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.argo", *arguments],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[descriptor],
            cwd=ROOT,
        )
    try:
        yield url
    finally:
        process.communicate()
