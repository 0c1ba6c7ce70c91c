"""Publishing at a member node: many small objects, objects that exist already, and one large object."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple
from unittest import mock
from uuid import uuid4

from benchmarks.bench import Bench
from benchmarks.figures import Baseline, Figure, at_most
from benchmarks.processors import processor_seconds
from ogdc_cli.api import ApiClient
from ogdc_cli.publication.publishing import Wanted, publish
from ogdc_cli.publication.run_result import RunResult
from ogdc_shared.dataone.member import OUTPUT
from ogdc_shared.publication.checking import system_metadata_of
from ogdc_shared.publication.making import make_package
from ogdc_shared.publication.package import Package
from support.crates import RUN
from support.data_sets import ADA
from support.gmn import Gmn
from support.postgres import PostgresServer
from support.published_runs import META, deployment
from support.publishing_node import PublishingNode

_AT_GMN, _AT_NOTHING = 250, 10_000
"""Objects: GMN takes a tenth of a second for each, a node that keeps nothing a thousandth."""
_PARALLEL = 4
_LARGE = 4 << 30
_SEND = r"""
import re, sys
from pathlib import Path
from ogdc_shared.dataone.member import Member
from ogdc_shared.dataone.node import Node
from ogdc_shared.dataone.token import Token
from ogdc_shared.publication.node_access import connections
url, path, size, sha256 = sys.argv[1:]
member = Member("urn:uuid:large", "output", "large.tif", "large.tif", "image/geotiff", int(size), sha256)
described = b'<size>%d</size><checksum algorithm="SHA-256">%s</checksum><formatId>image/geotiff</formatId>'
with connections(url, most=1) as http:
    node = Node(url, token=lambda: Token("t", "s", 4e9), http=http)
    node.create(member, system_metadata=described % (int(size), sha256.encode()), file=Path(path))
    assert node.describe(member.pid)
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""


def measure_publication(bench: Bench) -> list[Figure]:
    """Measure all of it."""
    return [*_measure_gmn(bench), *_measure_bare(bench), *_measure_large(bench)]


def _measure_gmn(bench: Bench) -> list[Figure]:
    """At a real node, one of PyPI; processor time is that of all who take part: node, database and client."""
    with _gmn(bench) as (gmn, database):
        sides = _in_turns(
            bench, gmn.url, gmn.token(ADA, seconds=86400), _AT_GMN, (gmn.pid, database, os.getpid())
        )
    what, (ours, curls) = "a small object at GMN, four at a time", (sides["publish"], sides["curl"])
    times = [[each.seconds for each in side] for side in (ours, curls)]
    processors = [[each.processors for each in side] for side in (ours, curls)]
    return [_beside_curl(what, *times), _beside_curl(f"{what}: processor time", *processors)]


def _beside_curl(what: str, ours: list[float], curls: list[float]) -> Figure:
    bare = 1000 * median(curls) / _AT_GMN
    each = tuple(1000 * seconds / _AT_GMN for seconds in ours)
    return Figure(what, "ms", each, at_most(1.5 * bare), Baseline("curl", bare))


def _measure_bare(bench: Bench) -> list[Figure]:
    """At a node that keeps nothing: what the client itself takes, and then asking for all objects again."""
    with _bare_node() as url, PublishingNode() as tokens:
        sides = _in_turns(bench, url, tokens.token(ADA), _AT_NOTHING)
    what = f"{_AT_NOTHING:,} small objects at a node that keeps nothing"
    seconds = {side: tuple(each.seconds for each in spent) for side, spent in sides.items()}
    bare = median(seconds["curl"])
    return [
        Figure(what, "s", seconds["publish"], at_most(1.5 * bare), Baseline("curl", bare)),
        Figure(f"{what}, which has them already", "s", seconds["again"]),
    ]


def _measure_large(bench: Bench) -> list[Figure]:
    """One object of 4 GiB, sent by a process whose memory is looked at."""
    path = bench.new_directory() / "large.tif"
    with path.open("wb") as file:
        file.truncate(_LARGE)
    sha256 = subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout[:64]
    with _bare_node() as url:
        sides = bench.in_turns({"large": partial(_send, url, path, sha256)})
    seconds, memory = zip(*sides["large"], strict=True)
    return [
        Figure("object of 4 GiB", "s", seconds),
        Figure("object of 4 GiB: memory", "MiB", memory, at_most(64)),
    ]


def _send(url: str, path: Path, sha256: str) -> tuple[float, float]:
    """Seconds and MiB that it takes."""
    started = time.perf_counter()
    command = [sys.executable, "-c", _SEND, url, str(path), str(_LARGE), sha256]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, int(done.stdout) / 1024


class _Spent(NamedTuple):
    seconds: float
    processors: float
    """Seconds of processor time."""


def _in_turns(
    bench: Bench, url: str, token: str, objects: int, pids: tuple[int, ...] = ()
) -> dict[str, tuple[_Spent, ...]]:
    """What publishing, publishing once more, and curl take for as many objects; `pids`: who takes part."""
    made: list[Callable[[], None]] = []

    def spent(work: Callable[[], float]) -> _Spent:
        before = sum(map(processor_seconds, pids))
        seconds = work()
        return _Spent(seconds, sum(map(processor_seconds, pids)) - before)

    def first() -> _Spent:
        send = _publishing(bench, url, objects)
        made.append(send)
        return spent(lambda: _seconds(send))

    def curl() -> _Spent:
        command = _curling(bench, url, token, objects)
        return spent(lambda: _curl(command, objects))

    trials = {"publish": first, "again": lambda: spent(lambda: _seconds(made[-1])), "curl": curl}
    with mock.patch.dict("os.environ", DATAONE_TOKEN=token):
        return bench.in_turns(trials)


def _publishing(bench: Bench, url: str, objects: int) -> Callable[[], None]:
    """Make a package; returns what publishes it."""
    client, package, directory = _package(bench, objects)
    wanted = Wanted(RUN.name, url, directory, parallel=_PARALLEL, is_agreed=True)

    def send() -> None:
        sent = publish(client, wanted, agree=lambda _: True, on_sent=lambda _: None)
        assert sent == package

    return send


def _package(bench: Bench, objects: int) -> tuple[ApiClient, Package, Path]:
    """Make the package of a run of a recipe of its own."""
    directory = bench.new_directory()
    files = {f"{number:05}.csv": f"{number}\n".encode() for number in range(objects)}
    run_id = str(uuid4())
    meta = META | {"name": f"Benchmark {run_id}"}
    client = deployment(directory / "at", meta=meta, made=files, outputs=files, run_id=run_id)
    return client, make_package(RunResult(client, RUN.name), directory / "package"), directory / "package"


def _curling(bench: Bench, url: str, token: str, objects: int) -> list[str]:
    """Make a package; returns the command that has curl send its files, by connections that it keeps."""
    _, package, directory = _package(bench, objects)
    parts = []
    for number, member in enumerate(each for each in package.members if each.role == OUTPUT):
        described = directory / f"{number}.sysmeta"
        described.write_bytes(system_metadata_of(package, member))
        parts.append(
            f'url = "{url}/v2/object"\nheader = "Authorization: Bearer {token}"\nform = "pid={member.pid}"\n'
            f'form = "sysmeta=@{described}"\nform = "object=@{directory / member.file}"\n'
            'output = "/dev/null"\nwrite-out = "%{http_code}\\n"\n'
        )
    (directory / "curl").write_text("next\n".join(parts))
    return ["curl", "-sS", "--parallel", "--parallel-max", str(_PARALLEL), "-K", str(directory / "curl")]


def _curl(command: list[str], objects: int) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    taken = time.perf_counter() - started
    assert done.stdout.split() == ["200"] * objects, done.stdout[:200] + done.stderr
    return taken


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def _bare_node() -> Iterator[str]:
    program = Path(__file__).with_name("bare_node.py")
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/mn"
        process.terminate()


@contextmanager
def _gmn(bench: Bench) -> Iterator[tuple[Gmn, int]]:
    """Lend a node, and the process of its database."""
    server = PostgresServer(bench.new_directory())
    server.start()
    try:
        settings = server.make_database(template="template0")
        with Gmn(bench.new_directory(), settings, (ADA,)) as node:
            yield node, server.pid
    finally:
        server.stop()
