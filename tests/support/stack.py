"""The local stack as a user has it: real `ogdc-runner` processes, a state directory, and what they leave.

::

    with Stack(Path("/tmp/short")) as stack:
        done = stack.cli("run", "recipe", cwd=tmp_path)
        assert done.code == 0, done
        assert stack.api("GET", "/runs/nope").status == 404
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from ogdc_cli.__main__ import main
from ogdc_local.engine.store import Store
from ogdc_local.stack.control import current, ensure_up
from ogdc_local.stack.paths import StatePaths
from ogdc_local.stack.postgres import DATABASE, USER
from support.clusters import plant_state
from support.forks import Ended, can_fork, run_forked

PROGRAM = (sys.executable, "-m", "ogdc_cli")
TERMINAL = {"Succeeded", "Failed", "Error"}
_NOT_OURS = (
    "OGDC_",
    "DATAONE_",
    "ARGO_",
    "S3_",
    "PG",
    "TOKEN_CACHE_FILE",
    "ENVIRONMENT",
    "ACCESS_MODE",
    "COV",
)
_IDLE_SECONDS = "300"
"""Idle time after which a stack stops if its test was killed."""
_START = (
    "import sys; from ogdc_local.stack.control import ensure_up; ensure_up(idle_timeout=float(sys.argv[1]))"
)


class Done(NamedTuple):
    """How a command of the command line ended."""

    code: int
    out: str
    err: str
    seconds: float

    def json(self) -> Any:
        return json.loads(self.out)


class Response(NamedTuple):
    """An HTTP answer in JSON."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def detail(self) -> str:
        detail: str = self.body["detail"]
        return detail


def user_environment(directory: Path, **more: str) -> dict[str, str]:
    """Return the environment of a new user with the home `directory`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    for made in (directory, directory / "tmp"):
        made.mkdir(parents=True, exist_ok=True)
    return inherited | {"HOME": str(directory), "TMPDIR": str(directory / "tmp"), "TERM": "dumb"} | more


def run_cli(
    *arguments: str, environ: Mapping[str, str], cwd: Path, timeout: float = 300, prefix: Sequence[str] = ()
) -> Done:
    """Run `ogdc-runner` to its end, without a terminal."""
    started = time.monotonic()
    if prefix or not can_fork(environ):
        ended = _run([*prefix, *PROGRAM, *arguments], environ=environ, cwd=cwd, timeout=timeout)
    else:
        ended = run_forked(main, arguments, environ=environ, cwd=cwd, timeout=timeout)
    assert "Traceback" not in ended.err, ended.err
    return Done(*ended, time.monotonic() - started)


def start() -> None:
    """Start a stack that stops after the idle seconds given as this program's argument."""
    ensure_up(idle_timeout=float(sys.argv[1]))


def _run(command: Sequence[str], *, environ: Mapping[str, str], cwd: Path, timeout: float) -> Ended:
    done = subprocess.run(
        command,
        env=environ,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def request(
    method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Send a request, and return the JSON."""
    asked = urllib.request.Request(url, data=body, headers=dict(headers or {}), method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=300) as response:
            return Response(response.status, json.load(response), dict(response.headers))
    except urllib.error.HTTPError as exc:
        with exc:
            return Response(exc.code, json.load(exc), dict(exc.headers))


def wait_until(look: Callable[[], Any], *, seconds: float = 300) -> Any:
    """Call `look` until it returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.03)
    return found


class Stack:
    """A local stack from `__enter__` to `__exit__`, with a home directory of its own."""

    def __init__(self, root: Path, *, prefix: Sequence[str] = (), **environ: str) -> None:
        """Prepare; nothing is started.

        Args:
            root: A short path, since a socket's name has to fit behind it.
            prefix: Words in front of the command that starts it.
            environ: Added to the user's environment.
        """
        self.root = root
        self.paths = StatePaths(root / "s")
        self.environ = user_environment(root / "home", OGDC_STATE_DIR=str(self.paths.root), **environ)
        self._prefix = list(prefix)

    def __enter__(self) -> Stack:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        try:
            run_cli("down", environ=self.environ, cwd=self.root)
        finally:
            left = self._end_processes()
        assert not left, f"`down` left processes running: {left}"

    def up(self) -> None:
        """Start it, with an idle time that ends it soon after its test was killed."""
        plant_state(self.paths)
        given: Any = {"environ": self.environ, "cwd": self.root, "timeout": 300}
        if self._prefix or not can_fork(self.environ):
            started = _run([*self._prefix, sys.executable, "-c", _START, _IDLE_SECONDS], **given)
        else:
            started = run_forked(start, [_IDLE_SECONDS], **given)
        assert started.code == 0, started

    @property
    def url(self) -> str:
        stack = current(self.paths)
        assert stack is not None, "the stack is down"
        return stack.url

    @property
    def pid(self) -> int:
        stack = current(self.paths)
        assert stack is not None, "the stack is down"
        return stack.pid

    def cli(self, *arguments: str, cwd: Path | None = None, timeout: float = 300, **environ: str) -> Done:
        """Run `ogdc-runner` to its end."""
        return run_cli(*arguments, environ=self.environ | environ, cwd=cwd or self.root, timeout=timeout)

    def start_cli(self, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start `ogdc-runner`."""
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            env=self.environ,
            cwd=cwd or self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def api(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Call the HTTP API; a `body` that is not bytes is sent as JSON."""
        data, kind = (body, {}) if isinstance(body, bytes) else (json.dumps(body).encode(), _JSON)
        given = {} if body is None else kind
        return request(
            method, self.url + path, body=None if body is None else data, headers=given | dict(headers or {})
        )

    def run(self, name: str) -> dict[str, Any]:
        """Return a run as the API shows it."""
        response = self.api("GET", f"/runs/{name}")
        assert response.status == 200, response
        run: dict[str, Any] = response.body
        return run

    def wait(self, name: str, *, seconds: float = 300) -> dict[str, Any]:
        """Wait until the run has ended, and return it."""
        ended: dict[str, Any] = wait_until(
            lambda: run if (run := self.run(name))["status"] in TERMINAL else None, seconds=seconds
        )
        return ended

    def manifest(self, name: str) -> str:
        """Return a run's manifest and state from the engine, as JSON."""
        response = self.api("GET", f"/api/v1/workflows/local/{name}")
        assert response.status == 200, response
        return json.dumps(response.body, ensure_ascii=False)

    def delete_workflow(self, name: str) -> None:
        """Delete a workflow without telling anybody; while it runs, only the engine itself can."""
        assert self.cli("down").code == 0
        store = Store(self.paths.engine_store, on_change=lambda uid, change: None)
        assert store.delete(name)
        store.close()
        self.up()

    def sql(self, statement: str, *parameters: object) -> None:
        """Change the database directly."""
        import psycopg

        with psycopg.connect(host=str(self.paths.socket_dir()), dbname=DATABASE, user=USER) as connection:
            connection.execute(statement, parameters)

    def traces(self) -> set[str]:
        """Return what a submission could leave: rows, artifacts, workspaces, logs and temporary files."""
        paths = ("artifacts", "volume", "volume/.ogdc/*", "tasks", "logs")
        found = {
            str(path.relative_to(self.paths.root))
            for place in paths
            for path in self.paths.root.glob(f"{place}/*")
        }
        found |= {f"artifacts/{path.name}" for path in self.paths.artifacts.glob("*/*")}
        found |= {f"tmp/{path.name}" for path in (self.root / "home" / "tmp").iterdir()}
        return found | {f"run {run['name']}" for run in self.api("GET", "/runs?limit=200").body["runs"]}

    @contextmanager
    def leaving_nothing(self) -> Iterator[None]:
        """Fail if the block leaves a trace; runs that existed before may continue and leave theirs."""
        runs = [run["name"] for run in self.api("GET", "/runs?limit=200").body["runs"]]
        before = self.traces()
        yield
        left = {trace for trace in self.traces() - before if not any(run in trace for run in runs)}
        assert not left, f"left behind: {sorted(left)}"

    def processes(self) -> list[int]:
        """Return every process with the state directory in its command line or as its working directory."""
        needle = os.fsencode(self.paths.root)
        found = []
        for proc in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command_line = (proc / "cmdline").read_bytes() + os.fsencode((proc / "cwd").readlink())
                if needle in command_line and int(proc.name) != os.getpid():
                    found.append(int(proc.name))
        return found

    def _end_processes(self) -> list[int]:
        left = self.processes()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left


_JSON = {"Content-Type": "application/json"}
