"""`ogdc-worker process` as a container runs it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ogdc_shared.plan import Command, InputFile, Partition, Plan
from ogdc_worker.fetch.download import ATTEMPTS
from support.http import Answer, FileServer, closed_port
from support.sandbox import ProcessTask, Result
from support.trees import tree

MakeTask = Callable[..., ProcessTask]


@pytest.fixture
def make_task(tmp_path: Path) -> MakeTask:
    def make(*commands: str, files: tuple[InputFile, ...] = (), timeout: float | None = None) -> ProcessTask:
        lines = tuple(Command(text=text, line=number) for number, text in enumerate(commands, start=1))
        plan = Plan(recipe_id="x", commands=lines, command_timeout=timeout)
        return ProcessTask(tmp_path / "task", plan=plan, partition=Partition(number=0, files=files))

    return make


def started(task: ProcessTask, sign: str) -> subprocess.Popen[bytes]:
    """Start a task and wait until it has written `sign` into its outputs."""
    process = task.start()
    deadline = time.monotonic() + 300
    while not (task.outputs / sign).exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def wait_for_output(process: subprocess.Popen[bytes], text: bytes) -> None:
    """Read what a task writes until `text` was among it."""
    assert process.stdout is not None
    seen = b""
    while text not in seen:
        piece = os.read(process.stdout.fileno(), 65536)
        assert piece, seen
        seen += piece


def worker_inside(process: subprocess.Popen[bytes]) -> int:
    """The worker's process id outside of its sandbox: the child of the sandbox's first process."""
    first = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
    return int(Path(f"/proc/{first}/task/{first}/children").read_text().split()[0])


def test_a_recipe_of_several_commands_runs_in_its_directories(make_task: MakeTask) -> None:
    task = make_task(
        "cp /input_dir/a.txt /output_dir/b.txt; echo words",
        "cat /input_dir/b.txt > /output_dir/c.txt; echo warned >&2",
        "test ! -e /input_dir/b.txt && cat /input_dir/c.txt /input_dir/c.txt > /output_dir/d.txt",
        files=(InputFile("a.txt", kind="recipe"),),
    )
    (task.recipe / "a.txt").write_text("A")
    result = task.run()
    assert result.exit_code == 0, result.stderr
    assert tree(task.outputs) == {"d.txt": b"AA"}
    assert result.stderr == ""
    assert "words\n" in result.stdout
    assert "warned\n" in result.stdout
    assert (result.progress, result.last_words) == ("3/3", "")


def test_every_step_leaves_a_line_in_the_log(make_task: MakeTask) -> None:
    task = make_task("touch /output_dir/b.txt", "exit 4", files=(InputFile("a.txt", kind="recipe"),))
    (task.recipe / "a.txt").write_text("A")
    result = task.run()
    assert [event["event"] for event in result.events()] == [
        "fetched",
        "command_started",
        "command_finished",
        "command_started",
        "command_failed",
        "failed",
    ]
    [finished] = result.events("command_finished")
    assert (finished["number"], finished["of"], finished["exit_code"]) == (1, 2, 0)
    assert 0 <= finished["seconds"] < 60
    [failed] = result.events("command_failed")
    assert (failed["number"], failed["line"], failed["exit_code"]) == (2, 2, 4)


def test_a_failing_command_is_reported_in_the_last_words(make_task: MakeTask) -> None:
    result = make_task("touch /output_dir/b.txt", "echo Tile 7 is missing. >&2; exit 3", "true").run()
    assert result.exit_code == 1
    assert result.last_words == (
        "command 2 of 3 failed with exit code 3: echo Tile 7 is missing. >&2; exit 3"
        " — it wrote: Tile 7 is missing."
    )
    assert result.progress == "1/3"


def test_last_words_fit_kubernetes_however_much_was_written(make_task: MakeTask) -> None:
    result = make_task(f"# {'x' * 90_000}\nseq 100000 >&2; echo the end >&2; false").run()
    assert result.exit_code == 1
    assert len(result.last_words.encode()) <= 4000
    assert result.last_words.startswith("command 1 of 1 failed with exit code 1: # xxx")
    assert result.last_words.endswith("the end")


def test_inputs_come_from_the_web(make_task: MakeTask, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "data.csv").write_text("1,2")
    with FileServer(served) as server:
        server.fail(1, status=503)
        server.dispositions["/data.csv"] = 'attachment; filename="stations.csv"'
        task = make_task("cp /input_dir/* /output_dir/", files=(InputFile(f"{server.url}/data.csv"),))
        result = task.run()
    assert result.exit_code == 0, result.stderr
    assert tree(task.outputs) == {"stations.csv": b"1,2"}
    [fetched] = result.events("fetched")
    assert (fetched["name"], fetched["size"]) == ("stations.csv", 3)


def test_an_input_that_does_not_exist_fails_for_good(make_task: MakeTask, tmp_path: Path) -> None:
    with FileServer(tmp_path) as server:
        result = make_task("true", files=(InputFile(f"{server.url}/none.tif"),)).run()
        assert result.exit_code == 1
        assert result.last_words.startswith(
            f"'{server.url}/none.tif' cannot be fetched: its server answered 404"
        )


def test_an_unreachable_server_is_retried(make_task: MakeTask, tmp_path: Path) -> None:
    """The first server requests retries without a pause, because the worker's own pauses take 15 seconds."""
    with FileServer(tmp_path) as server, closed_port() as url:
        server.fail(ATTEMPTS - 1, headers={"Retry-After": "0"})
        server.routes["/a.tif"] = lambda _request: Answer(status=302, headers={"Location": f"{url}/a.tif"})
        result = make_task("true", files=(InputFile(f"{server.url}/a.tif"),)).run()
    assert result.exit_code == 75
    assert "Connection refused" in result.last_words
    assert len(server.requests) == ATTEMPTS


def test_one_failed_input_does_not_wait_for_the_others(make_task: MakeTask, tmp_path: Path) -> None:
    (tmp_path / "endless.bin").write_bytes(bytes(100_000))
    with FileServer(tmp_path) as server:
        server.stall_after = 1000
        files = (InputFile(f"{server.url}/endless.bin"), InputFile("none", kind="recipe"))
        begin = time.monotonic()
        result = make_task("true", files=files).run()
        assert result.exit_code == 1
        assert "has no file 'none'" in result.last_words
        assert time.monotonic() - begin < 20


def test_a_signal_ends_the_command_and_all_it_started(make_task: MakeTask) -> None:
    task = make_task(
        "trap 'echo asked; exit' TERM; (sleep 60 &); : > /output_dir/a; echo up; sleep 60 & wait"
    )
    process = task.start()
    wait_for_output(process, b"up\n")  # from then on the worker waits for the command
    os.kill(worker_inside(process), signal.SIGTERM)
    begin = time.monotonic()
    result = task.finish(process)
    assert result.exit_code == 143
    assert result.last_words.startswith("The task was stopped from outside, at command 1 of 1: trap ")
    assert "asked" in result.stdout.split()
    assert tree(task.outputs) == {}, "what a stopped command left is nobody's"
    assert time.monotonic() - begin < 20


def test_a_signal_during_a_fetch_ends_it_at_once(make_task: MakeTask, tmp_path: Path) -> None:
    (tmp_path / "endless.bin").write_bytes(bytes(100_000))
    with FileServer(tmp_path) as server:
        server.stall_after = 1000
        task = make_task("true", files=(InputFile(f"{server.url}/endless.bin"),))
        process = task.start()
        deadline = time.monotonic() + 300
        while not server.requests:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(worker_inside(process), signal.SIGTERM)
        assert task.finish(process).exit_code == 143


def test_two_workers_do_not_share_a_workspace(make_task: MakeTask) -> None:
    task = make_task("echo begun >> /mnt/workflow/trace; touch /output_dir/up; sleep 2")
    first = started(task, "up")
    second = task.start()
    assert task.finish(first).exit_code == 0
    assert task.finish(second).exit_code == 0
    assert (task.workspace / "trace").read_text() == "begun\n"


def test_commands_see_the_containers_environment_and_no_internals(make_task: MakeTask) -> None:
    task = make_task("env > /output_dir/env; pwd > /output_dir/cwd; ls -A > /output_dir/ls")
    task.environment |= {"GDAL_CACHEMAX": "64", "ARGO_NODE_ID": "n", "OGDC_DEBUG": "1"}
    assert task.run().exit_code == 0
    environment = (task.outputs / "env").read_text()
    assert "GDAL_CACHEMAX=64\n" in environment
    assert "INPUT_DIR=/input_dir\n" in environment
    assert "OUTPUT_DIR=/output_dir\n" in environment
    assert "ARGO_" not in environment
    assert "OGDC_" not in environment
    assert (task.outputs / "cwd").read_text().startswith("/tmp/ogdc-")
    assert (task.outputs / "ls").read_text() == ""


def test_texts_with_shell_syntax_stay_names(make_task: MakeTask, tmp_path: Path) -> None:
    hostile = "../../$(id);`id`'\"{{workflow.name}}\n"
    with FileServer(tmp_path) as server:
        (tmp_path / "a").write_text("A")
        task = make_task(
            "ls -A /input_dir > /output_dir/names", files=(InputFile(f"{server.url}/a", name=hostile),)
        )
        assert task.run().exit_code == 0
    assert (task.outputs / "names").read_text() == "$(id);`id`'\"{{workflow.name}}%0A\n"


def test_an_unreadable_plan_is_reported(make_task: MakeTask) -> None:
    task = make_task("true")
    (task.directory / "plan.json").write_text("{")
    result = task.run()
    assert result.exit_code == 1
    assert result.last_words.startswith("The worker failed by its own fault: JSONDecodeError")
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["process", "--fast"],
        ["process", "partition=x"],
        ["list", "plans=1"],
        ["publish"],
        ["publish", "--run", "../x"],
    ],
)
def test_a_wrong_command_line_is_refused(make_task: MakeTask, arguments: list[str]) -> None:
    task = make_task("true")
    task.arguments = arguments
    result = task.run()
    assert result.exit_code == 2
    assert "usage: ogdc-worker" in result.stderr


def test_a_full_disk_is_reported_and_a_retry_succeeds_with_space(make_task: MakeTask, tmp_path: Path) -> None:
    """Runs the task in a mount namespace whose workspace is a file system of one megabyte."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "big.bin").write_bytes(os.urandom(3_000_000))
    with FileServer(served) as server:
        task = make_task("cp /input_dir/big.bin /output_dir/", files=(InputFile(f"{server.url}/big.bin"),))
        full = run_on_small_disk(task, size="1m")
        assert full.exit_code == 75
        assert full.last_words.startswith("No room is left on the disk")
        assert run_on_small_disk(task, size="8m").exit_code == 0


def run_on_small_disk(task: ProcessTask, *, size: str) -> Result:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    mount = f"mount -t tmpfs -o size={size} tmpfs {task.workspace}"
    make = f"mkdir {task.inputs} {task.outputs}"
    task.prefix = [
        "/usr/bin/unshare",
        "--mount",
        *user,
        "/bin/sh",
        "-c",
        f'{mount} && {make} && exec "$@"',
        "sh",
    ]
    return task.run()


@pytest.mark.skipif(shutil.which("gdal_translate") is None, reason="GDAL's programs are not installed")
def test_a_chain_of_gdal_commands_makes_a_raster(make_task: MakeTask) -> None:
    """Scaled, reprojected, tiled and given overviews; a VRT made by one command is opened by the next."""
    rows = [" ".join(str(10 * (row + column)) for column in range(64)) for row in range(64)]
    grid = "\n".join(
        ["ncols 64", "nrows 64", "xllcorner -1600000", "yllcorner -1600000", "cellsize 25000", *rows]
    )
    task = make_task(
        "gdal_translate -q -a_srs EPSG:3411 -of GTiff /input_dir/ice.asc /output_dir/ice.tif",
        "gdalbuildvrt -q /output_dir/ice.vrt /input_dir/*.tif && cp /input_dir/*.tif /output_dir/",
        'gdal_calc.py --quiet --calc "A / 10.0" --type Float32 -A /input_dir/ice.vrt'
        " --outfile=/output_dir/ice.tif",
        "gdalwarp -q -t_srs EPSG:3413 -r bilinear /input_dir/*.tif /output_dir/warped.tif",
        "gdal_translate -q -co TILED=YES -co COMPRESS=DEFLATE /input_dir/warped.tif /output_dir/tiled.tif"
        " && gdaladdo -q -r average /output_dir/tiled.tif 2 4",
        files=(InputFile("ice.asc", kind="recipe"),),
    )
    (task.recipe / "ice.asc").write_text(grid)
    result = task.run(timeout=120)
    assert result.exit_code == 0, result.last_words
    assert result.progress == "5/5"
    assert list(tree(task.outputs)) == ["tiled.tif"]
    output = subprocess.run(
        ["gdalinfo", "-json", "-mm", task.outputs / "tiled.tif"], capture_output=True, check=True, text=True
    ).stdout
    info = json.loads(output)
    assert 'ID["EPSG",3413]' in info["coordinateSystem"]["wkt"]
    assert len(info["bands"][0]["overviews"]) == 2
    assert 100 < info["bands"][0]["computedMax"] <= 126
