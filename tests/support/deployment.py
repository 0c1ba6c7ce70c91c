"""The functions of a deployment in a process of their own, so that any of the parts around can be away.

::

    with deployed({"OGDC_DB_HOST": "/nowhere", …}) as service:
        request("GET", f"{service.url}/runs")
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ogdc_local.stack.functions import build_functions
from ogdc_local.stack.server import Server, listen, url_of
from ogdc_shared.config import DatabaseSettings, Settings
from ogdc_shared.context import Context

TESTS = Path(__file__).parents[1]


class Service(NamedTuple):
    """A running deployment."""

    url: str
    root: Path
    """The root of the file system that it sees."""


@contextmanager
def deployed(environ: Mapping[str, str], *, prefix: Sequence[str] = ()) -> Iterator[Service]:
    """Serve the functions with these settings.

    Args:
        environ: Settings.
        prefix: Words in front of the command that serves.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    modules = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", "support.deployment"],
        env=inherited | {"PYTHONPATH": modules} | dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            pid, url = process.stdout.readline().split()
            yield Service(url=url, root=Path(f"/proc/{pid}/root"))
        finally:
            process.communicate(timeout=120)


def settings_of(database: DatabaseSettings, *, argo_url: str, artifacts: Path) -> dict[str, str]:
    """Return the environment of a deployment in open mode."""
    return {
        "ACCESS_MODE": "open",
        "OGDC_DB_HOST": str(database.host),
        "OGDC_DB_NAME": str(database.name),
        "OGDC_DB_USERNAME": str(database.user),
        "OGDC_DB_TIMEOUT": "60",
        "ARGO_WORKFLOWS_SERVICE_URL": argo_url,
        "ARGO_NAMESPACE": "ogdc",
        "ARGO_TIMEOUT": "1",
        "OGDC_ARTIFACT_DIR": str(artifacts),
        "OGDC_ARTIFACT_URL": "http://127.0.0.1:9",
        "OGDC_ALLOWED_NETWORKS": '["127.0.0.0/8"]',  # the tests' own servers
        "OGDC_SIGNING_KEY": "0123456789abcdef",
    }


def main() -> None:
    """Serve until standard input ends."""
    context = Context(Settings.from_env())
    functions = build_functions(context)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        chosen = functions.submit if environ["REQUEST_METHOD"] == "POST" else functions.status
        return chosen(environ, start_response)

    listener = listen(None)
    with Server(listener, application, threads=4):
        print(os.getpid(), url_of(listener), flush=True)
        sys.stdin.read()
    context.close()


if __name__ == "__main__":
    main()
