"""Outputs of a command for the next: links become files, and indexes of lost files are reported."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from ogdc_shared.errors import CommandFailedError, WarningsError
from ogdc_worker.process.output_warnings import about_outputs
from ogdc_worker.process.outputs import OutputDefects, prepare_outputs
from ogdc_worker.report import Reporter
from support.partition import PartitionTask, recipe_files
from support.trees import plant, tree


@pytest.fixture
def task(tmp_path: Path) -> PartitionTask:
    task = PartitionTask(tmp_path / "task")
    task.prepare()
    return task


def given(task: PartitionTask, **files: bytes) -> Path:
    inputs = task.workspace / "input_dir"
    plant(inputs, {name.replace("__", "/").replace("_", "."): content for name, content in files.items()})
    return inputs


# --- names ---


def test_names_that_other_systems_cannot_keep_are_warned_of_in_the_result(task: PartitionTask) -> None:
    plant(
        task.outputs,
        {"a/Map.csv": b"1", "a/map.csv": b"2", "A/x.csv": b"3", "\xfc.csv": b"4", "u\u0308.csv": b"5"},
    )
    (task.outputs / os.fsdecode(b"caf\xe9.csv")).touch()
    (task.outputs / "all\r").touch()
    assert prepare_outputs(task.paths, is_last=False) == OutputDefects()
    left = prepare_outputs(task.paths, is_last=True)
    (odd, one), (control, third), (alike, other) = about_outputs("command 1 of 1", left, is_last=True)
    assert odd == control == alike == "odd_name"
    assert r"left 'all\r', and this name has control characters" in third
    assert r"left 'caf\xe9.csv', and this name is not UTF-8" in one
    assert {name for pair in left.alike for name in pair} == {
        "a/Map.csv",
        "a/map.csv",
        "\xfc.csv",
        "u\u0308.csv",
    }
    assert "are one file on Windows or macOS" in other


# --- links ---


def test_a_link_to_an_input_becomes_the_input_without_a_copy(task: PartitionTask) -> None:
    inputs = given(task, dem_tif=b"heights")
    (task.outputs / "a.tif").symlink_to(inputs / "dem.tif")
    (task.outputs / "deep").mkdir()
    (task.outputs / "deep/b.tif").symlink_to("../../input_dir/dem.tif")
    assert prepare_outputs(task.paths, is_last=False) == OutputDefects()
    assert tree(task.outputs) == {"a.tif": b"heights", "deep": None, "deep/b.tif": b"heights"}
    inodes = {path.stat().st_ino for path in (inputs / "dem.tif", *task.outputs.rglob("*.tif"))}
    assert len(inodes) == 1, "one file of three names"


def test_a_link_to_a_directory_of_inputs_becomes_that_directory(task: PartitionTask) -> None:
    inputs = given(task, tiles__a_tif=b"a", tiles__deep__b_tif=b"b")
    (inputs / "tiles/latest.tif").symlink_to("a.tif")
    (task.outputs / "all").symlink_to(inputs)
    prepare_outputs(task.paths, is_last=False)
    assert tree(task.outputs) == {
        "all": None,
        "all/tiles": None,
        "all/tiles/a.tif": b"a",
        "all/tiles/deep": None,
        "all/tiles/deep/b.tif": b"b",
        "all/tiles/latest.tif": b"a",
    }
    assert tree(inputs)["tiles/a.tif"] == b"a", "the inputs stay, should the command run again"


def test_a_chain_of_links_ends_at_the_input(task: PartitionTask) -> None:
    inputs = given(task, a_tif=b"a")
    (inputs / "one.tif").symlink_to("a.tif")
    (task.outputs / "two.tif").symlink_to(inputs / "one.tif")
    (task.outputs / "three.tif").symlink_to("two.tif")
    prepare_outputs(task.paths, is_last=False)
    assert (task.outputs / "two.tif").read_bytes() == b"a"
    assert not (task.outputs / "two.tif").is_symlink()
    assert (task.outputs / "three.tif").resolve().is_relative_to(task.outputs)


def test_a_link_within_the_outputs_leads_there_wherever_they_go(task: PartitionTask) -> None:
    plant(task.outputs, {"deep/a.tif": b"a", "kept": "deep/a.tif"})
    (task.outputs / "deep/again").symlink_to(task.outputs / "deep/a.tif")
    (task.outputs / "above").symlink_to("../output_dir/deep")
    prepare_outputs(task.paths, is_last=False)
    links = {name: os.readlink(task.outputs / name) for name in ("kept", "deep/again", "above")}
    assert links == {"kept": "deep/a.tif", "deep/again": "a.tif", "above": "deep"}


def test_a_link_to_a_volume_stays_a_link(task: PartitionTask, tmp_path: Path) -> None:
    (tmp_path / "claim.tif").write_bytes(b"volume")
    inputs = given(task)
    (inputs / "x.tif").symlink_to(tmp_path / "claim.tif")
    (task.outputs / "direct.tif").symlink_to(tmp_path / "claim.tif")
    (task.outputs / "by_way.tif").symlink_to(inputs / "x.tif")
    prepare_outputs(task.paths, is_last=True)
    for name in ("direct.tif", "by_way.tif"):
        assert os.readlink(task.outputs / name) == str(tmp_path / "claim.tif")


def test_links_that_lead_nowhere_or_to_themselves_are_told_of(task: PartitionTask) -> None:
    plant(task.outputs, {"gone": "no/where", "loop": "loop"})
    left = prepare_outputs(task.paths, is_last=False)
    assert sorted(left.dangling) == ["gone -> no/where", "loop -> loop"]


def test_a_link_carries_its_file_through_all_commands(task: PartitionTask) -> None:
    task.prepare(
        'ln -s "$INPUT_DIR"/a.txt "$OUTPUT_DIR"/ && ln -s "$INPUT_DIR/a.txt" "$OUTPUT_DIR/b.txt"',
        'ln -s "$INPUT_DIR"/* "$OUTPUT_DIR"/',
        'cat "$INPUT_DIR"/* > "$OUTPUT_DIR/both.txt"',
        files=recipe_files("a.txt"),
    )
    task.run()
    assert tree(task.outputs) == {"both.txt": b"AA"}


# --- indexes ---


def vrt(*sources: str, relative: int = 0) -> bytes:
    lines = (f'<SourceFilename relativeToVRT="{relative}">{source}</SourceFilename>' for source in sources)
    return f"<VRTDataset>{''.join(lines)}</VRTDataset>".encode()


def lost(task: PartitionTask, *, is_last: bool = False) -> dict[str, tuple[str, ...]]:
    """What indexes are without afterwards, by the index; paths from the workspace on."""
    found = prepare_outputs(task.paths, is_last=is_last).lost
    return {
        each.name: tuple(path.removeprefix(f"{task.workspace}/") for path in each.paths) for each in found
    }


@pytest.mark.parametrize("source", ["{inputs}/a.tif", "../input_dir/a.tif", "/vsizip/{inputs}/a.zip/in.tif"])
def test_a_vrt_loses_what_was_not_carried_along(task: PartitionTask, source: str) -> None:
    inputs = given(task, a_tif=b"a", a_zip=b"z")
    path = source.format(inputs=inputs)
    (task.outputs / "all.vrt").write_bytes(vrt(path, relative=int(path.startswith(".."))))
    assert list(lost(task)) == ["all.vrt"]


def test_a_vrt_keeps_what_was_carried_along_by_copy_or_link(task: PartitionTask) -> None:
    inputs = given(task, a_tif=b"a", b_tif=b"b")
    (task.outputs / "abs.vrt").write_bytes(vrt(f"{inputs}/a.tif", f"{inputs}/b.tif"))
    (task.outputs / "rel.vrt").write_bytes(vrt("../input_dir/a.tif", "b.tif", relative=1))
    (task.outputs / "a.tif").write_bytes(b"a")
    (task.outputs / "b.tif").symlink_to(inputs / "b.tif")
    assert lost(task) == {}


def test_published_vrts_may_only_refer_to_published_files(task: PartitionTask) -> None:
    inputs = given(task, a_tif=b"a")
    plant(task.outputs, {"a.tif": b"a", "deep/good.vrt": vrt("../a.tif", relative=1)})
    (task.outputs / "bad.vrt").write_bytes(vrt(f"{inputs}/a.tif"))
    (task.outputs / "worse.vrt").write_bytes(vrt("../input_dir/a.tif", relative=1))
    (task.outputs / "own.vrt").write_bytes(vrt(f"{task.outputs}/a.tif"))
    assert lost(task, is_last=True) == {
        "bad.vrt": ("input_dir/a.tif",),
        "worse.vrt": ("input_dir/a.tif",),
        "own.vrt": ("output_dir/a.tif",),
    }


def test_a_vrt_of_a_vrt_in_a_directory_is_looked_into(task: PartitionTask) -> None:
    given(task, a_tif=b"a")
    plant(
        task.outputs,
        {
            "all.vrt": vrt("deep/part.vrt", relative=1),
            "deep/part.vrt": vrt("../../input_dir/a.tif", relative=1),
        },
    )
    assert lost(task) == {"deep/part.vrt": ("input_dir/a.tif",)}


@pytest.mark.parametrize(
    "source",
    [
        "never/there.tif",
        "/vsicurl/https://example.org/a.tif",
        "https://example.org/a.tif",
        "PG:dbname=x",
        "&lt;x&gt;",
    ],
)
def test_references_to_files_that_never_existed_are_ignored(task: PartitionTask, source: str) -> None:
    (task.outputs / "all.vrt").write_bytes(vrt(source))
    assert lost(task) == {}


@pytest.mark.parametrize(
    "source",
    ["NETCDF:a.nc:ice", "GTIFF_DIR:1:a.nc", "vrt://{}?bands=2", "vrt://a.nc", "/vsisubfile/0_9,{}"],
)
def test_sources_that_stand_for_a_part_of_a_file_are_understood(task: PartitionTask, source: str) -> None:
    """A relative one is relative to the working directory, usually that of the inputs."""
    path = given(task, a_nc=b"n") / "a.nc"
    (task.outputs / "all.vrt").write_bytes(vrt(source.format(path)))
    assert lost(task) == {"all.vrt": ("input_dir/a.nc",)}


def test_subdatasets_and_entities_in_names_are_understood(task: PartitionTask) -> None:
    inputs = given(task, **{"a & b_nc": b"n"})
    (task.outputs / "all.vrt").write_bytes(vrt(f"NETCDF:&quot;{inputs}/a &amp; b.nc&quot;:ice"))
    assert lost(task) == {"all.vrt": ("input_dir/a & b.nc",)}


def test_other_indexes_lose_their_files_too(task: PartitionTask) -> None:
    path = given(task, a_tif=b"a") / "a.tif"
    plant(
        task.outputs,
        {
            "i.gti": f"<Index><IndexDataset>{path}</IndexDataset></Index>".encode(),
            "k.json": f'{{"refs": {{"x/0.0": ["{path}", 0, 10]}}}}'.encode(),
            "info.json": f'{{"files": ["{path}"]}}'.encode(),
            "map.qgs": f"<maplayer><datasource>{path}</datasource></maplayer>".encode(),
            "tiles.csv": f"{path}\n".encode(),
            "c.gdalcat": f'{{"name": "{path}"}}'.encode(),
            "p.gdalg.json": f'{{"command_line": "gdal raster pipeline read {path} ! write"}}'.encode(),
            "tiles.geojson": f'{{"properties": {{"location": "{path}"}}}}'.encode(),
            "tiles.dbf": b"location" + bytes(20) + f"{path}     ".encode(),
            "tiles.txt": f"{path}\n\n{path}\n".encode(),
            "headed.csv": f'path\n"{path}"\n'.encode(),
            "tiles": f"{path}\n".encode(),
            "layers.dbf": b"LOCATION" + bytes(20) + f"{path},0   ".encode(),
            "layers.ovf": f"<SrcDataSource>{path}</SrcDataSource>".encode(),
            "mosaic": b"<VRTDataset>" + vrt(str(path)),
            "mosaic.xml": b"<VRTDataset>" + vrt(str(path)),
            "iso.xml": f"<gco:location>{path}</gco:location>".encode(),
            "means.csv": f"file,mean\n{path},5\n".encode(),
            "report.txt": f"made from {path}\n".encode(),
            "notes.geojson": f'{{"properties": {{"source": "{path}"}}}}'.encode(),
        },
    )
    expected = {
        "i.gti",
        "c.gdalcat",
        "p.gdalg.json",
        "tiles.geojson",
        "tiles.dbf",
        "tiles.txt",
        "k.json",
        "map.qgs",
        "tiles.csv",
        "headed.csv",
        "tiles",
        "layers.dbf",
        "layers.ovf",
        "mosaic",
        "mosaic.xml",
        "map.qgz",
    }
    with zipfile.ZipFile(task.outputs / "map.qgz", "w") as project:
        project.writestr("map.qgs", f"<maplayer><datasource>{path}</datasource></maplayer>")
    assert set(lost(task)) == expected
    found = prepare_outputs(task.paths, is_last=False).lost
    certain = {"i.gti", "c.gdalcat", "p.gdalg.json", "layers.ovf", "mosaic", "mosaic.xml"}
    assert {each.name for each in found if each.certain} == certain


@pytest.mark.skipif(shutil.which("gdaltindex") is None, reason="there is no GDAL")
@pytest.mark.parametrize("name", ["tiles.shp", "tiles.gpkg", "tiles.fgb", "tiles.geojson"])
def test_each_file_of_a_tile_index_is_looked_for(task: PartitionTask, name: str) -> None:
    inputs = given(task)
    tiles = [f"{inputs}/{letter}.tif" for letter in "abcde"]
    for tile in tiles:
        subprocess.run(
            ["gdal_create", "-q", "-outsize", "4", "4", "-a_ullr", "0", "4", "4", "0", tile], check=True
        )
    index = task.directory / "index.gpkg"
    subprocess.run(["gdaltindex", "-f", "GPKG", index, *tiles], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ogr2ogr", task.outputs / name, index], check=True)
    for carried in tiles[::2]:
        (task.outputs / Path(carried).name).symlink_to(carried)
    (found,) = lost(task).values()
    assert set(found) == {"input_dir/b.tif", "input_dir/d.tif"}


@pytest.mark.parametrize("name", ["all.vrt", "tiles.txt", "tiles.gpkg", "refs.json"])
def test_a_pipe_with_the_name_of_an_index_is_not_waited_for(task: PartitionTask, name: str) -> None:
    os.mkfifo(task.outputs / name)
    (task.outputs / f"link-{name}").symlink_to(name)
    assert lost(task) == {}


def test_the_command_that_left_a_broken_index_fails_and_says_what_to_do(task: PartitionTask) -> None:
    task.prepare(
        'echo "<SourceFilename>$INPUT_DIR/a.txt</SourceFilename>" > "$OUTPUT_DIR/all.vrt"',
        "true",
        files=recipe_files("a.txt"),
    )
    with pytest.raises(
        CommandFailedError, match=r"command 1 of 2 .*'all.vrt', which names .*/a\.txt; .*ln -s"
    ):
        task.run()
    assert "run 1" not in task.finished(), "the command runs again when the task does"


# --- nothing, and warnings for failures ---


def warnings_of(task: PartitionTask) -> list[str]:
    reporter = Reporter()
    task.run(reporter)
    return [each.kind for each in reporter.warnings.first] if reporter.warnings else []


def test_a_command_that_leaves_nothing_is_told_of(task: PartitionTask) -> None:
    task.prepare("true", 'mkdir "$OUTPUT_DIR/empty"', 'echo x > "$OUTPUT_DIR/x"')
    assert warnings_of(task) == ["empty_output", "empty_output"]


def test_an_error_of_gdal_that_nobody_ended_with_is_told_of(task: PartitionTask) -> None:
    task.prepare('echo "ERROR 4: a.tif: No such file" >&2; echo x > "$OUTPUT_DIR/x"')
    reporter = Reporter()
    task.run(reporter)
    assert reporter.warnings is not None
    (warning,) = reporter.warnings.first
    assert warning.message == "command 1 of 1 ended with 0 although GDAL wrote: ERROR 4: a.tif: No such file"


def test_a_warning_is_kept_over_the_task_s_lives_and_told_once(task: PartitionTask) -> None:
    task.prepare("true", 'test -e "$OUTPUT_DIR/../mended" && echo x > "$OUTPUT_DIR/x"')
    with pytest.raises(CommandFailedError):
        task.run()
    (task.workspace / "mended").touch()
    assert warnings_of(task) == ["empty_output"]
    assert (task.workspace / "warnings.json").exists()


def test_a_recipe_may_take_warnings_for_failures_and_a_retry_runs_the_command_again(
    task: PartitionTask,
) -> None:
    command = 'echo run >> "$OUTPUT_DIR/../runs"; test -e "$OUTPUT_DIR/../mended" || echo "ERROR 1: no" >&2; '
    task.prepare(f'{command} echo x > "$OUTPUT_DIR/x"', warnings_fail=True)
    with pytest.raises(WarningsError, match=r"(?s)workflow\.warnings: fail.*ERROR 1: no"):
        task.run()
    (task.workspace / "mended").touch()
    assert warnings_of(task) == []
    assert (task.workspace / "runs").read_text() == "run\nrun\n"


# --- directories that deny their owner ---


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o400, 0o500])
def test_files_in_unreadable_directories_are_found(task: PartitionTask, mode: int) -> None:
    plant(task.outputs, {"closed/deep/a.txt": b"a"})
    for path in (task.outputs / "closed/deep/a.txt", task.outputs / "closed/deep", task.outputs / "closed"):
        path.chmod(mode)
    assert prepare_outputs(task.paths, is_last=True) == OutputDefects()
    assert (task.outputs / "closed/deep/a.txt").read_bytes() == b"a"
    assert stat.S_IMODE((task.outputs / "closed/deep").stat().st_mode) & 0o700 == (
        0o700 if os.geteuid() else mode
    )
