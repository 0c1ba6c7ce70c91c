"""Warnings about a result are shown by every command and do not change the status."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.stack import Stack


def zeros(directory: Path) -> bytes:
    path = directory / "zeros.tif"
    line = ["gdal_create", "-q", "-bands", "1", "-outsize", "64", "64", "-burn", "0", "-a_srs", "EPSG:3413"]
    subprocess.run([*line, "-a_ullr", "0", "640", "640", "0", str(path)], check=True)
    return path.read_bytes()


def test_warnings_are_reported_without_changing_the_status(stack: Stack, recipe, tmp_path: Path) -> None:
    commands = (
        "echo 'ERROR 4: a tile is missing' >&2; cp /input_dir/* /output_dir/",
        "ln -s /input_dir/zeros.tif /output_dir/",
    )
    params = [{"type": "file", "path": "zeros.tif"}]
    files = {"zeros.tif": zeros(tmp_path)}
    done = stack.cli("submit", "--wait", str(recipe("warned", *commands, params=params, files=files)))
    expected = [
        "warning: command 1 of 2 ended with 0 although GDAL wrote: ERROR 4: a tile is missing",
        "warning: 'zeros.tif' holds nothing but zeros or nodata",
    ]
    assert done.code == 0, done
    assert [line for line in done.out.splitlines() if line.startswith("warning: ")] == expected
    (run,) = json.loads(stack.cli("list", "--recipe", "warned", "--json").out)
    assert (run["status"], run["warning_count"]) == ("Succeeded", 2)
    assert "Succeeded, 2 warnings" in stack.cli("list", "--recipe", "warned").out
    assert stack.cli("status", run["name"]).out.splitlines()[1:] == expected
    warnings = stack.cli("status", run["name"], "--json").json()["warnings"]
    assert [(each["kind"], each["partition"]) for each in warnings] == [("gdal_error", 0), ("no_data", 0)]


def test_a_failure_message_includes_earlier_warnings(stack: Stack, recipe) -> None:
    path = recipe("nothing left", "echo done", "cat /input_dir/words.txt > /output_dir/words.txt")
    done = stack.cli("submit", "--wait", str(path))
    assert done.code == 1, done
    assert "command 2 of 2 failed" in done.err
    assert "command 1 of 2 left nothing in /output_dir" in done.err


def test_a_recipe_may_treat_warnings_as_failures_or_disable_checks(
    stack: Stack, recipe, tmp_path: Path
) -> None:
    options = {"params": [{"type": "file", "path": "zeros.tif"}], "files": {"zeros.tif": zeros(tmp_path)}}
    done = stack.cli("submit", "--wait", str(recipe("strict zeros", warnings="fail", **options)))
    assert done.code == 1, done
    assert "workflow.warnings: fail" in done.err
    assert "'zeros.tif' holds nothing but zeros" in done.err
    done = stack.cli("submit", "--wait", str(recipe("any zeros", warnings="fail", checks=False, **options)))
    assert done.code == 0, done


def test_a_mosaic_without_its_tiles_fails_the_command_that_wrote_it(
    stack: Stack, recipe, tmp_path: Path
) -> None:
    options = {"params": [{"type": "file", "path": "zeros.tif"}], "files": {"zeros.tif": zeros(tmp_path)}}
    build, use = "gdalbuildvrt -q /output_dir/all.vrt /input_dir/*.tif", "cp /input_dir/all.vrt /output_dir/"
    done = stack.cli("submit", "--wait", str(recipe("lost tiles", build, use, **options)))
    assert done.code == 1, done
    assert "command 1 of 2 ended with 0, but left 'all.vrt', which names /input_dir/zeros.tif" in done.err
    carried = f"{build} && ln -s /input_dir/*.tif /output_dir/"
    warp = "gdal_translate -q /input_dir/all.vrt /output_dir/all.tif"
    done = stack.cli("submit", "--wait", str(recipe("carried tiles", carried, warp, **options)))
    assert done.code == 0, done
