"""Every command about runs, as users type them, against the local stack."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest

from ogdc_shared.layout import log_key
from support.http import FileServer
from support.ports import free_ports
from support.recipes import inputs, make_recipe
from support.stack import PROGRAM, Stack, wait_until

COPY = "cp /input_dir/* /output_dir/"
SLOW = f"echo one >&2; sleep 600; {COPY}"
TWENTY_MIB = 20 << 20


def started(stack: Stack, recipe: Path, *options: str) -> str:
    """Submit a recipe and return the run's name."""
    done = stack.cli("submit", *options, "--json", str(recipe))
    assert done.code == 0, done
    name: str = done.json()["name"]
    return name


def finished(stack: Stack, recipe: Path, *options: str) -> str:
    """Run a recipe to its good end and return the run's name."""
    name = started(stack, recipe, *options)
    assert stack.wait(name)["status"] == "Succeeded"
    return name


@pytest.fixture
def slow_run(stack: Stack, recipe):
    """A run at work on a command that takes long."""
    name = started(stack, recipe("slow", SLOW))
    wait_until(lambda: "one" in "".join(stack.cli("logs", name).out.splitlines()[-1:]))
    yield name
    if stack.run(name)["status"] == "Running":
        stack.cli("cancel", name)


class Away:
    """A run whose input's server is away; it takes a quarter of a minute to give up."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        self._served = directory / "served"
        self._served.mkdir()
        (self._served / "tags.csv").write_text("tag\n1\n")
        [self._port] = free_ports(1)
        with FileServer(self._served, port=self._port) as server:
            self.url = f"{server.url}/tags.csv"
        params = inputs({"type": "url", "value": self.url})
        recipe = make_recipe(
            directory / "recipe",
            name="server away",
            workflow={"type": "shell", "retries": 0},
            input=params,
            output={"type": "temporary"},
        )
        self.name = started(stack, recipe)
        wait_until(lambda: stack.run(self.name)["status"] == "Running")

    def server_back(self) -> FileServer:
        return FileServer(self._served, port=self._port)


@pytest.fixture(scope="module", autouse=True)
def away(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Away:
    """Begins before the first test of this module, so that the last need not wait long."""
    return Away(stack, tmp_path_factory.mktemp("away"))


def test_submit_names_the_run_and_how_to_follow_it(stack: Stack, recipe) -> None:
    done = stack.cli("submit", str(recipe("seal tags")))
    assert done.code == 0
    name = done.out.split()[6].rstrip(".")
    assert done.out == (
        f"Recipe seal-tags is submitted as run {name}.\n"
        f"It runs at {stack.url}; see how it goes with: ogdc-runner watch {name}\n"
    )
    assert stack.wait(name)["status"] == "Succeeded"


def test_submit_and_wait_ends_with_how_to_fetch_the_result(stack: Stack, recipe, tmp_path: Path) -> None:
    done = stack.cli("submit", "--wait", "--fresh", str(recipe("seal tags")))
    assert done.code == 0
    fetch = done.out.splitlines()[-1].partition("Fetch the result with: ogdc-runner ")[2]
    fetched = stack.cli(*fetch.split(), cwd=tmp_path)
    assert fetched.code == 0
    assert fetched.out == f"Wrote {tmp_path}/seal-tags.zip\n"
    assert zipfile.ZipFile(tmp_path / "seal-tags.zip").read("words.txt") == b"some words\n"
    assert [line.partition("] ")[2] for line in done.err.splitlines()][-3:] == [
        "command 1 of 1: cp /input_dir/* /output_dir/",
        done.err.splitlines()[-2].partition("] ")[2],
        "published (temporary)",
    ]


def test_published_data_are_replaced_only_with_overwrite(stack: Stack, recipe) -> None:
    recipe("glaciers", output="pvc")
    directory = str(recipe("glaciers", "echo first > /output_dir/a", output="pvc"))
    first = stack.cli("submit", "--wait", directory)
    assert first.code == 0
    assert first.out.endswith("Succeeded. Published as glaciers/ on the workflow volume.\n")
    recipe("glaciers", "echo second > /output_dir/a", output="pvc")
    with stack.leaving_nothing():
        refused = stack.cli("submit", "--wait", directory)
    assert refused.code == 1
    assert "Submit with `overwrite` (`--overwrite` on the command line) to replace them" in refused.err
    published = stack.paths.volume / "glaciers" / "a"
    assert published.read_text() == "first\n"
    assert stack.cli("submit", "--wait", "--overwrite", directory).code == 0
    assert published.read_text() == "second\n"


def test_commands_get_parameters_and_retry_keeps_them(stack: Stack, tmp_path: Path) -> None:
    given = "{{workflow.name}} $(id) `id` '; \" \\ \n é"
    recipe = make_recipe(
        tmp_path / "recipe",
        name="with parameters",
        parameters=[{"name": "LABEL"}, {"name": "YEAR", "type": "integer", "default": 1999}],
        input=inputs({"type": "file", "path": "recipe.sh"}),
        output={"type": "temporary"},
        files={
            "recipe.sh": 'echo "$YEAR" > /output_dir/year; printf %s "$LABEL" > /output_dir/label\n'
            'cp /input_dir/* /output_dir/; test "$YEAR" = 1999\n'
        },
    )
    assert "parameter LABEL: is missing" in stack.cli("submit", str(recipe)).err
    assert "parameter YEAR: 'x'" in stack.cli("run", "--set", "YEAR=x", "--set", "LABEL=", str(recipe)).err
    name = finished(stack, recipe, "--set", f"LABEL={given}")
    for path, content in {"label": given, "year": "1999\n"}.items():
        assert stack.cli("get-output", name, path, cwd=tmp_path).code == 0
        assert (tmp_path / path).read_text() == content
    assert stack.cli("get-output", name, "year", "-o", "-").out == "1999\n"
    assert "  YEAR=1999\n" in stack.cli("status", name).out
    failed = started(stack, recipe, "--set", "LABEL=", "--set", "YEAR=2000")
    assert stack.wait(failed)["status"] == "Failed"
    assert stack.cli("retry", "--wait", failed).code == 1
    assert stack.cli("status", failed, "--json").json()["parameters"] == {"LABEL": "", "YEAR": 2000}


def test_a_second_run_of_an_active_recipe_is_rejected(stack: Stack, recipe) -> None:
    directory = recipe("one at a time", SLOW, output="pvc")
    name = started(stack, directory)
    with stack.leaving_nothing():
        refused = stack.cli("submit", "--overwrite", str(directory))
    assert refused.code == 1
    assert name in refused.err
    assert stack.cli("cancel", name).code == 0


def test_failure_says_which_command_and_why(stack: Stack, recipe) -> None:
    done = stack.cli(
        "run", str(recipe("failing", f"echo fine; {COPY}", "ls /nowhere/there || exit 3", "echo never"))
    )
    assert done.code == 1
    assert "command 2 of 3 failed with exit code 3: ls /nowhere/there || exit 3" in done.err
    assert "No such file or directory" in done.err
    name = done.err.splitlines()[-1].rpartition(" ")[2]
    status = stack.cli("status", name)
    assert status.code == 0
    assert status.out.startswith(f"{name}: Failed\n  command 2 of 3 failed")
    assert stack.cli("check-workflow-status", name).out == status.out
    assert stack.cli("watch", name).code == 1
    logs = stack.cli("logs", name).out
    assert "fine\n" in logs
    assert "command 2 of 3 failed with exit code 3" in logs
    assert "never" not in logs
    assert '"event": "command_failed"' in stack.cli("logs", "--raw", name).out
    assert len(stack.cli("logs", "--tail", "2", name).out.splitlines()) == 2
    task = stack.cli("logs", "--task", "process(0:0)", name).out
    assert task == stack.cli("logs", "--task", "0", name).out == re.sub(r"(?m)^\[process\S+\] ", "", logs)
    kept = (stack.paths.artifacts / log_key(name, "process", 0)).read_text()
    assert kept == stack.cli("logs", "--task", "0", "--raw", name).out
    assert stack.cli("logs", "--task", "publish", name).code == 1


def test_with_json_stdout_has_only_json(stack: Stack, recipe, tmp_path: Path) -> None:
    directory = str(recipe("in json"))
    ran = stack.cli("run", "--json", directory, cwd=tmp_path)
    assert ran.err == ""
    assert [Path(path).name for path in ran.json()["outputs"]] == ["words.txt"]
    finished = stack.cli("submit", "--wait", "--json", directory)
    assert finished.json()["status"] == "Succeeded"
    name = finished.json()["name"]
    assert stack.cli("status", "--json", name).json()["task_counts"] == {"Succeeded": 2}
    assert stack.cli("watch", "--json", name).json()["name"] == name
    assert stack.cli("get-output", "--json", name, cwd=tmp_path).json()["path"] == f"{tmp_path}/in-json.zip"
    listed = stack.cli("list", "--json", "--recipe", "in-json", "--limit", "2").json()
    assert [run["name"] for run in listed] == [name, ran.json()["name"]]


def test_list_filters_and_pages(stack: Stack, recipe) -> None:
    directory = recipe("listed")
    mine = finished(stack, directory)
    failed = started(stack, recipe("listed not", "false"))
    assert stack.wait(failed)["status"] == "Failed"
    assert stack.cli("list", "--recipe", "listed").out.splitlines()[1].startswith(mine)
    found = stack.cli("list", "--status", "Failed", "--limit", "1").out
    assert found.splitlines()[0].split() == ["NAME", "STATUS", "SUBMITTED", "(UTC)", "BY"]
    assert found.splitlines()[1].split()[:2] == [failed, "Failed"]
    assert stack.cli("list", "--user", "nobody-of-this-name").out == "No runs.\n"


def test_cancel_stops_a_long_command_at_once(stack: Stack, slow_run: str) -> None:
    done = stack.cli("cancel", slow_run)
    assert done.code == 0
    run = stack.wait(slow_run)
    assert run["status"] == "Failed"
    assert stack.cli("watch", slow_run).code == 1
    again = stack.cli("cancel", slow_run)
    assert again.code == 1
    assert "has ended" in again.err


def read_until(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process says, up to a line with some words."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        if words in line:
            return
        lines.append(line)
    pytest.fail(f"It ended with {process.wait()} before it said {words!r}: {''.join(lines)}")


def test_interrupting_run_cancels_and_interrupting_watch_does_not(
    stack: Stack, recipe, slow_run: str
) -> None:
    watching = stack.start_cli("watch", slow_run)
    running = stack.start_cli("run", str(recipe("interrupted", "echo begun; sleep 600")))
    for process in (watching, running):
        read_until(process, "command 1 of 1")
        os.kill(process.pid, signal.SIGINT)
    outputs = [process.communicate(timeout=120)[1] for process in (watching, running)]
    assert [process.returncode for process in (watching, running)] == [130, 130]
    assert f"ogdc-runner cancel {slow_run}" in outputs[0]
    assert stack.run(slow_run)["status"] == "Running"
    cancelled = outputs[1].split()[-1].rstrip(".")
    assert outputs[1].endswith(f"Cancelling {cancelled}.\n")
    assert stack.wait(cancelled)["status"] == "Failed"


def test_a_signal_cancels_the_run_and_leaves_nothing(stack: Stack, recipe, tmp_path: Path) -> None:
    signals = (signal.SIGTERM, signal.SIGHUP)
    running = [stack.start_cli("run", str(recipe(f"end by {n}", "sleep 600")), cwd=tmp_path) for n in signals]
    for process, number in zip(running, signals, strict=True):
        read_until(process, "command 1 of 1")
        process.send_signal(number)
    outputs = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [143, 129]
    for words in outputs:
        *_, doing, name = words.split()
        assert doing == "Cancelling"
        assert stack.wait(name.rstrip("."))["status"] == "Failed"
    assert list(tmp_path.glob("ogdc-output/.*")) == []


def test_a_closed_pipe_cancels_the_run(stack: Stack, recipe) -> None:
    process = stack.start_cli("run", str(recipe("unread", "while echo a; do sleep 0.2; done")))
    read_until(process, "command 1 of 1")
    process.stderr.close()
    process.communicate(timeout=120)
    assert process.returncode == 1
    (run,) = stack.cli("list", "--recipe", "unread", "--json").json()
    assert stack.wait(run["name"])["status"] == "Failed"


def test_runs_are_found_by_prefix_and_by_position(stack: Stack, recipe) -> None:
    first, second = (finished(stack, recipe(name)) for name in ("order-aa", "order-ab"))
    assert stack.cli("status", "order-aa").out.startswith(f"{first}: Succeeded")
    assert stack.cli("status", "-1", "--json").json()["name"] == second
    assert stack.cli("logs", "--tail", "1", "-2").out.startswith("[publish")
    several = stack.cli("cancel", "order-a")
    assert (several.code, first in several.err, second in several.err) == (1, True, True)
    assert stack.cli("status", "order-b").err.startswith("Error: There is no run named 'order-b'.")


@pytest.mark.parametrize("into", ["| true", ">/dev/full", ">&-", "2>&1 | head -n 1", ">/dev/full 2>&1"])
def test_unread_output_causes_no_traceback(stack: Stack, recipe, tmp_path: Path, into: str) -> None:
    shell = f"{' '.join(PROGRAM)} list --limit 1 {into}"
    done = subprocess.run(
        ["bash", "-c", shell], env=stack.environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_output_of_20_mib_arrives_whole(stack: Stack, recipe, tmp_path: Path) -> None:
    name = finished(stack, recipe("large", f"head -c {TWENTY_MIB} /dev/urandom > /output_dir/noise"))
    done = stack.cli("get-output", name, "--output-dir", "new/place", cwd=tmp_path)
    assert done.code == 0
    archive = tmp_path / "new/place/large.zip"
    assert archive.stat().st_size > TWENTY_MIB
    assert zipfile.ZipFile(archive).testzip() is None
    assert [path.name for path in archive.parent.iterdir()] == ["large.zip"]

    assert f"{TWENTY_MIB:>14,}  noise" in stack.cli("outputs", name).out.splitlines()
    one = stack.cli("get-output", name, "noise", "-o", "new/noise", cwd=tmp_path)
    assert one.code == 0
    assert (tmp_path / "new/noise").read_bytes() == zipfile.ZipFile(archive).read("noise")
    assert stack.cli("get-output", name, "../noise", cwd=tmp_path).code == 1


def test_a_recipe_is_read_from_an_archive_and_from_a_server(stack: Stack, recipe, server: FileServer) -> None:
    directory = recipe("packed")
    with zipfile.ZipFile(server.directory / "packed.zip", "w") as archive:
        for path in directory.iterdir():
            archive.write(path, f"packed/{path.name}")
    here = stack.cli("submit", "--wait", str(server.directory / "packed.zip"))
    assert here.code == 0, here
    far = stack.cli("submit", "--wait", "--json", f"{server.url}/packed.zip")
    assert far.code == 0, far
    assert far.json()["recipe_path"] == f"{server.url}/packed.zip"


def test_a_client_waits_while_killed_postgresql_restarts(stack: Stack) -> None:
    [pid_file] = stack.paths.root.glob("pg-*/postmaster.pid")
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    assert stack.cli("list").code == 0


def test_a_broken_pipe_causes_no_traceback(stack: Stack) -> None:
    process = stack.start_cli("list", "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert "Traceback" not in process.stderr.read()
    process.wait(timeout=300)


def test_a_run_that_failed_for_an_unreachable_server_is_retried(stack: Stack, away, tmp_path: Path) -> None:
    failed = stack.cli("watch", away.name)
    assert failed.code == 1
    assert f"'{away.url}' could not be fetched" in failed.err
    assert "refused" in failed.err
    assert "trying again in 8.0 s (5 of 6)" in failed.err
    with away.server_back():
        retried = stack.cli("retry", "--wait", away.name)
    assert retried.code == 0, retried
    assert stack.cli("get-output", away.name, cwd=tmp_path).code == 0
    assert zipfile.ZipFile(tmp_path / "server-away.zip").read("tags.csv") == b"tag\n1\n"
    again = stack.cli("retry", away.name)
    assert again.code == 1
    assert "only a run that is Failed or Error can be retried" in again.err
