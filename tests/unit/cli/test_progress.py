from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ogdc_cli import progress
from ogdc_cli.api import ApiClient, ApiError
from ogdc_cli.settings import ClientSettings
from support.answers import run_fields
from support.http import Answer, FileServer, Request


class Service:
    """Answers about one run: a (status, log) for each look, the last of them for ever."""

    def __init__(self, server: FileServer) -> None:
        self.client = ApiClient(ClientSettings(server.url, True, Path("/nowhere"), user="me"))
        self.looks: list[tuple[str, str]] = []
        self.submitted_at = datetime.now(UTC)
        self.log_status = 200
        self.facts: dict[str, Any] = {}
        self.facts_at_the_end: dict[str, Any] = {}
        server.routes["/runs/r"] = lambda _: Answer(body=json.dumps(self._run()).encode())
        server.routes["/runs/r/logs"] = lambda _: Answer(status=self.log_status, body=self._log.encode())
        self._log = ""

    def _run(self) -> dict[str, Any]:
        status, self._log = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        submitted_at = self.submitted_at.isoformat()
        facts = self.facts | (self.facts_at_the_end if status == "Succeeded" else {})
        return run_fields(name="r", status=status, submitted_at=submitted_at) | facts


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(progress, "_MAX_PAUSE", 0.001)
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(tmp_path) as server:
        yield server


@pytest.fixture
def service(server: FileServer) -> Service:
    return Service(server)


def started(number: int, second: int) -> str:
    facts = {"time": f"2026-01-01T00:00:0{second}Z", "event": "command_started", "number": number, "of": 9}
    return f"[p] {json.dumps(facts | {'command': f'do {number}'})}\n"


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert all(re.match(r"\[ *\d+\.\ds\] ", line) for line in captured.err.splitlines())
    return [line.partition("] ")[2] for line in captured.err.splitlines()]


def test_each_step_is_one_plain_line(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = started(1, 1), started(2, 2)
    service.looks = [
        ("Pending", ""),
        ("Pending", ""),
        ("Pending", first),
        ("Running", first + "[p] 10%\n"),
        ("Running", first + "[p] 20%\n"),
        ("Succeeded", first + second),
    ]
    assert progress.follow(service.client, "r").status == "Succeeded"
    assert printed(capsys) == ["waiting to start", "command 1 of 9: do 1", "command 2 of 9: do 2"]


def test_frequent_output_is_shown_at_intervals(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_CHATTER_SECONDS", 0.0)
    service.looks = [("Running", started(1, 1) + f"[p] {n}%\n") for n in (10, 10, 20)] + [
        ("Failed", started(1, 1))
    ]
    progress.follow(service.client, "r")
    assert printed(capsys) == ["command 1 of 9: do 1", "10%", "20%"]


@pytest.mark.parametrize(("count", "others"), [(2, "1 other file"), (50, "49 other files")])
def test_many_fetched_files_are_one_line(
    service: Service, capsys: pytest.CaptureFixture[str], count: int, others: str
) -> None:
    fetched = "".join(
        f"[p] {json.dumps({'time': '2026', 'event': 'fetched', 'name': f'{n}.tif', 'size': 1})}\n"
        for n in range(count)
    )
    service.looks = [("Succeeded", fetched + started(1, 1))]
    progress.follow(service.client, "r")
    assert printed(capsys) == [
        f"fetched {count - 1}.tif (1 B) and {others}",
        "command 1 of 9: do 1",
    ]


def test_time_counts_from_the_submission(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.submitted_at -= timedelta(hours=1)
    service.looks = [("Succeeded", started(1, 1))]
    progress.follow(service.client, "r")
    assert capsys.readouterr().err.startswith("[3600.")


def test_a_step_has_the_time_at_which_it_began(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.submitted_at = datetime(2026, 1, 1, tzinfo=UTC)
    service.looks = [("Succeeded", started(1, 1) + started(2, 5))]
    progress.follow(service.client, "r", shown=started(1, 1))
    assert capsys.readouterr().err == "[   5.0s] command 2 of 9: do 2\n"


def test_a_run_of_several_stages_is_shown_by_all_of_them(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = [
        {"stage": "process", "tasks": 1, "counts": {"Succeeded": 1}},
        {"stage": "build", "tasks": 3, "counts": {"Running": 1, "Succeeded": 2}},
    ]
    service.facts = {"partitions": 1, "stages": stages}
    service.looks = [("Running", ""), ("Succeeded", "")]
    progress.follow(service.client, "r")
    assert printed(capsys) == ["stage process: 1 Succeeded; stage build: 1 Running, 2 Succeeded"]


def test_an_unavailable_log_does_not_end_the_waiting(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.log_status = 410
    service.looks = [("Running", ""), ("Error", "")]
    assert progress.follow(service.client, "r").status == "Error"
    assert printed(capsys) == ["running"]


def test_a_run_with_many_partitions_is_shown_by_their_number(
    service: Service, server: FileServer, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {"Succeeded": 2, "Running": 1}
    service.facts = {"partitions": 500, "partition_counts": counts, "input_files": None, "input_bytes": None}
    service.looks = [("Running", started(1, 1)), ("Succeeded", started(1, 1))]
    progress.follow(service.client, "r")
    assert printed(capsys) == ["500 partitions: 1 Running, 2 Succeeded, 497 not started"]
    assert "/runs/r/logs" not in server.paths()


def test_the_results_of_partitions_are_shown_last(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.facts = {"partitions": 500, "partition_counts": {}, "input_files": None, "input_bytes": None}
    service.looks = [("Running", ""), ("Succeeded", "")]
    service.facts_at_the_end = {"partition_counts": {"Reused": 499, "Succeeded": 1}}
    progress.follow(service.client, "r")
    assert printed(capsys) == ["500 partitions: 500 not started", "500 partitions: 499 Reused, 1 Succeeded"]


def test_quiet_says_nothing(service: Service, capsys: pytest.CaptureFixture[str], server: FileServer) -> None:
    service.looks = [("Running", ""), ("Succeeded", "")]
    progress.follow(service.client, "r", quiet=True)
    assert printed(capsys) == []
    assert set(server.paths()) == {"/runs/r"}


def test_a_short_outage_of_the_service_is_waited_for(service: Service, server: FileServer) -> None:
    service.looks = [("Succeeded", "")]
    server.fail(3, status=502)
    assert progress.follow(service.client, "r", quiet=True).status == "Succeeded"


@pytest.mark.slow
def test_a_long_outage_of_the_service_ends_the_waiting(
    service: Service, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", 0.5)
    service.looks = [("Succeeded", "")]
    server.fail(10_000, status=502)
    with pytest.raises(ApiError) as caught:
        progress.follow(service.client, "r", quiet=True)
    assert caught.value.status == 502


def test_an_unknown_run_ends_the_waiting(service: Service, server: FileServer) -> None:
    with pytest.raises(ApiError, match="404"):
        progress.follow(service.client, "other", quiet=True)
    assert len(server.requests) == 1


def test_what_a_run_waits_for_is_reported(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    words = "process(0:0) waits to begin: its image cannot be pulled"
    service.facts = {"message": words}
    service.looks = [("Running", ""), ("Running", ""), ("Failed", "")]

    progress.follow(service.client, "r")

    assert sum(words in line for line in printed(capsys)) == 1


def test_a_failed_download_names_the_host_of_the_link(server: FileServer) -> None:
    client = ApiClient(ClientSettings(server.url, True, Path("/nowhere"), user="me"))

    with pytest.raises(ApiError, match="PUBLIC_S3_ENDPOINT_URL") as caught:
        client.download("http://127.0.0.1:9/outputs/r.zip?signature=secret", Path())

    assert "http://127.0.0.1:9 does not answer" in str(caught.value)
    assert "OGDC_API_URL" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_log_is_read_less_often_than_the_run_and_at_its_end(
    server: FileServer, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LOG_SECONDS", 3600.0)
    service.looks = [("Running", "")] * 5 + [("Succeeded", "")]
    progress.follow(service.client, "r")
    paths = [request.path.partition("?")[0] for request in server.requests]
    assert (paths.count("/runs/r"), paths.count("/runs/r/logs")) == (7, 2)


def test_polling_uses_etags(service: Service, server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    full = server.routes["/runs/r"]
    unchanged = iter([False, True, True, False, False])

    def answer(request: Request) -> Answer:
        if next(unchanged):
            assert request.headers["If-None-Match"] == 'W/"1"'
            return Answer(status=304, headers={"ETag": 'W/"1"'})
        return Answer(body=full(request).body, headers={"ETag": 'W/"1"'})

    server.routes["/runs/r"] = answer
    service.looks = [("Running", started(1, 1)), ("Failed", started(1, 1))]
    assert progress.follow(service.client, "r").status == "Failed"
    assert printed(capsys) == ["command 1 of 9: do 1"]


def test_the_log_of_a_queued_run_is_not_requested(service: Service, server: FileServer) -> None:
    service.looks = [("Pending", ""), ("Pending", ""), ("Error", "")]
    progress.follow(service.client, "r")
    assert server.paths().count("/runs/r/logs") == 1
