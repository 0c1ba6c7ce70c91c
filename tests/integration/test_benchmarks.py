"""The benchmarks work. Their results are not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ogdc_local.stack.server import Server, listen, url_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_table_is_printed_and_the_same_is_written_as_json(tmp_path: Path) -> None:
    done = bench("--repetitions", "1", "--into", str(tmp_path), "cli")
    assert done.returncode == 0, done.stderr
    [written] = tmp_path.glob("*.json")
    figures = json.loads(written.read_text())["figures"]
    assert [figure["what"] for figure in figures] == ["ogdc-runner --help", "ogdc-runner validate-recipe"]
    for figure in figures:
        assert figure["min"] <= figure["median"] <= figure["max"]
        assert figure["ratio"] > 0
        assert f"| {figure['what']} " in done.stdout


def test_an_unknown_benchmark_is_rejected_with_the_existing_ones(tmp_path: Path) -> None:
    done = bench("--into", str(tmp_path), "cold-start", "luck")
    assert done.returncode == 2
    assert "luck: choose from cold-start, status" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_load_generator_for_machines_without_wrk_counts_and_times_answers() -> None:
    asked: list[str] = []

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked.append(environ["PATH_INFO"])
        start_response("200 OK" if len(asked) > 1 else "503 Service Unavailable", [("Content-Length", "2")])
        return [b"ok"]

    listener = listen(None)
    url = f"{url_of(listener)}/x"
    with Server(listener, answer, threads=2):
        done = subprocess.run(
            [sys.executable, str(ROOT / "benchmarks/client.py"), url, "2", "0.2"],
            capture_output=True,
            text=True,
            check=True,
        )
    found = json.loads(done.stdout)
    assert found["requests"] == len(asked) > 1
    assert set(asked) == {"/x"}
    assert found["failures"] == 1
    assert 0 < found["p50"] <= found["p95"]
