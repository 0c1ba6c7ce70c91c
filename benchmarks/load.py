"""Load tests of a service from another process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_GRACE_SECONDS = 30
_LUA = Path(__file__).with_name("wrk.lua")


class Load(NamedTuple):
    """What came of some seconds of load."""

    per_second: float
    p50: float
    """Milliseconds from a request to the end of its answer; half of all take no longer."""
    p95: float


class LoadError(Exception):
    """Not every request was answered with success, so the numbers would say nothing."""


def load_generator() -> str:
    """Name what makes the requests; the one that ships with Python may itself be what is measured."""
    return "wrk" if shutil.which("wrk") else "Python asyncio"


def write_posts(directory: Path, path: str, posts: Iterable[tuple[Mapping[str, str], bytes]]) -> Path:
    """Write POST requests of `path`, each given by its headers and body, as 0.http, 1.http, …"""
    for number, (headers, body) in enumerate(posts):
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        (directory / f"{number}.http").write_bytes("\r\n".join([*lines, "", ""]).encode() + body)
    return directory


def put_load(url: str, *, clients: int, seconds: float, posts: Path | None = None) -> Load:
    """Send requests from `clients` connections, each as soon as its last was answered.

    Args:
        url: What is asked for.
        clients: Connections, kept open.
        seconds: For how long; whole seconds with wrk.
        posts: What `write_posts` wrote, each to be sent once; None: GET requests.

    Raises:
        LoadError: a request failed.
    """
    command = _wrk if load_generator() == "wrk" else _python
    done = subprocess.run(
        command(url, clients=clients, seconds=seconds, posts=posts),
        capture_output=True,
        text=True,
        timeout=seconds + _GRACE_SECONDS,
        check=False,
    )
    last_line = done.stdout.strip().rpartition("\n")[2]
    if done.returncode != 0 or not last_line.startswith("{"):
        raise LoadError(f"The load generator failed: {done.stderr.strip() or done.stdout.strip()}")
    found = json.loads(last_line)
    if found["failures"] or not found["requests"]:
        raise LoadError(f"{found['failures']} of {found['requests']} requests to {url} failed.")
    return Load(found["requests"] / found["seconds"], p50=found["p50"], p95=found["p95"])


def _wrk(url: str, *, clients: int, seconds: float, posts: Path | None) -> list[str]:
    options = ["-t1", f"-c{clients}", f"-d{round(seconds)}s", "--timeout", "10s", "-s", str(_LUA), url]
    return ["wrk", *options, *(["--", str(posts)] if posts else [])]


def _python(url: str, *, clients: int, seconds: float, posts: Path | None) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("client.py")), url, str(clients), str(seconds)] + (
        [str(posts)] if posts else []
    )
