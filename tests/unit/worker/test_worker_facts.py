"""What a task tells of what it fetched, ran and wrote, over all its tries and however it ended."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ogdc_shared import layout
from ogdc_shared.errors import CommandFailedError
from ogdc_shared.plan import InputFile
from ogdc_shared.provenance.task_facts import describes_nothing
from ogdc_worker import report
from ogdc_worker.process import facts
from support.crates import facts_document
from support.partition import PartitionTask, recipe_files


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class FactsTask(PartitionTask):
    def prepare(self, *commands: str, **plan: Any) -> None:
        super().prepare(*commands, **plan)
        (self.directory / "facts").mkdir()

    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.directory / "facts/facts.json").read_bytes())
        return found


@pytest.fixture
def task(tmp_path: Path) -> FactsTask:
    return FactsTask(tmp_path / "task")


def test_facts_describe_inputs_commands_and_outputs(task: FactsTask) -> None:
    task.prepare(
        'cp "$INPUT_DIR/a.txt" "$OUTPUT_DIR/a"',
        'cd "$OUTPUT_DIR"; cat "$INPUT_DIR/a" "$INPUT_DIR/a" > twice; mkdir deep; echo > deep/x',
        files=recipe_files("a.txt"),
    )
    task.run()
    stored = task.facts()
    assert stored["fetched"] == [{"source": "a.txt", "name": "a.txt", "size": 1, "checksum": sha256(b"A")}]
    assert [(each["number"], each["line"], each.get("exit_code", 0)) for each in stored["ran"]] == [
        (1, 1, 0),
        (2, 2, 0),
    ]
    assert all(each["max_memory"] > 1 << 20 for each in stored["ran"])
    assert sorted(stored["wrote"], key=lambda each: str(each["name"])) == [
        {"name": "deep/x", "size": 1, "checksum": sha256(b"\n")},
        {"name": "twice", "size": 2, "checksum": sha256(b"AA")},
    ]
    assert stored["commands"][0].startswith("cp ")
    assert (stored["version"], stored["partition"], stored["succeeded"]) == (1, 0, True)
    assert stored["totals"]["fetched"] == {"files": 1, "bytes": 1}
    assert stored["totals"]["wrote"] == {"files": 2, "bytes": 3}
    assert (stored["totals"]["ran"]["commands"], stored["totals"]["ran"]["failed"]) == (2, 0)


def test_the_first_line_can_be_read_alone(task: FactsTask) -> None:
    task.prepare('echo > "$OUTPUT_DIR/x"')
    task.run()
    first = (task.directory / "facts/facts.json").read_text().splitlines()[0]
    head = json.loads(first.removesuffix(",") + "}")
    assert head == {key: value for key, value in task.facts().items() if key in head}
    assert head["totals"]["ran"]["commands"] == 1


def test_whether_outputs_were_described_is_seen_without_reading_all(task: FactsTask, tmp_path: Path) -> None:
    task.prepare('echo > "$OUTPUT_DIR/x"')
    task.run()
    assert describes_nothing(str(task.directory / "facts/facts.json"))
    (tmp_path / "other.json").write_text(facts_document(described=[{"name": "x"}]))
    assert not describes_nothing(str(tmp_path / "other.json"))


@pytest.mark.slow
def test_resource_use_includes_child_processes(task: FactsTask) -> None:
    burn = "import time; end = time.process_time() + .15; exec('while time.process_time() < end: pass')"
    hold = "x = bytearray(96 << 20)"
    task.prepare(f'python3 -c "{burn}" & python3 -c "{hold}"; wait; echo > "$OUTPUT_DIR/x"')
    task.run()
    [ran] = task.facts()["ran"]
    assert ran["cpu_seconds"] >= 0.15
    assert ran["max_memory"] >= 96 << 20


def test_a_failed_task_tells_how_far_it_came_and_the_next_try_goes_on_from_that(task: FactsTask) -> None:
    task.prepare(
        'cp "$INPUT_DIR/a.txt" "$OUTPUT_DIR/a"',
        'cp "$INPUT_DIR/a" "$OUTPUT_DIR/b"; test -e "$OUTPUT_DIR/../mended"',
        files=recipe_files("a.txt"),
    )
    with pytest.raises(CommandFailedError):
        task.run()
    stored = task.facts()
    assert (stored["succeeded"], stored["wrote"], stored["totals"]["ran"]["failed"]) == (False, [], 1)
    assert [each["exit_code"] for each in stored["ran"] if "exit_code" in each][-1] == 1
    (task.workspace / "mended").touch()
    task.run()
    stored = task.facts()
    assert stored["succeeded"]
    assert [each["number"] for each in stored["ran"]] == [1, 2, 2], "each try is recorded"
    assert [each["name"] for each in stored["fetched"]] == ["a.txt"]
    assert [each["name"] for each in stored["wrote"]] == ["b"]


def test_each_item_of_a_parallel_recipe_is_reported(task: FactsTask) -> None:
    task.prepare('cp "$INPUT_FILE" "$OUTPUT_FILE"', files=recipe_files("a.txt", "sub/b.txt"), per_file=True)
    task.run()
    assert [each["file"].rpartition("/")[2] for each in task.facts()["ran"]] == ["a.txt", "b.txt"]


@pytest.mark.parametrize("is_data_set", [False, True])
def test_large_outputs_are_told_without_a_checksum_unless_they_are_a_data_set(
    task: FactsTask, monkeypatch: pytest.MonkeyPatch, is_data_set: bool
) -> None:
    monkeypatch.setattr(facts, "HASHED_BYTES", 5)
    command = 'printf 123456 > "$OUTPUT_DIR/large"; printf 1234 > "$OUTPUT_DIR/small"'
    task.prepare(command, hashes_all=is_data_set)
    task.run()
    wrote = {each["name"]: each.get("checksum") for each in task.facts()["wrote"]}
    assert wrote == {"large": sha256(b"123456") if is_data_set else None, "small": sha256(b"1234")}


@pytest.mark.parametrize(
    "junk", ["[1", "[]", '{"event": "fetched"}', '{"event": "command_finished", "seconds": "x"}']
)
def test_a_journal_that_a_command_wrote_fails_no_task(
    task: FactsTask, capfd: pytest.CaptureFixture[str], junk: str
) -> None:
    task.prepare(f'echo \'{junk}\' >> "$OUTPUT_DIR/../journal"; echo > "$OUTPUT_DIR/x"')
    task.run()
    kept = '"event": "facts_not_kept"' not in capfd.readouterr().out
    assert kept == junk.startswith("[")


@pytest.mark.parametrize("left", ["ln -s /etc/passwd", "mkdir", "mkfifo"])
def test_links_left_by_a_command_are_not_followed(task: FactsTask, left: str) -> None:
    place = task.directory / "facts/facts.json"
    task.prepare(f'{left} {place}; echo > "$OUTPUT_DIR/x"')
    task.run()
    assert place.is_file()
    assert not place.is_symlink()
    assert task.facts()["succeeded"]


def test_secrets_are_masked(task: FactsTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_mask", None)
    task.prepare('echo s3cr3t-value > "$OUTPUT_DIR/s3cr3t-value"')
    report.hide(["s3cr3t-value"])
    task.run()
    assert "s3cr3t" not in (task.directory / "facts/facts.json").read_text()
    [wrote] = task.facts()["wrote"]
    assert "***" in wrote["name"]
    assert task.facts()["commands"] == ['echo *** > "$OUTPUT_DIR/***"']


def test_the_image_is_told_where_there_is_one(task: FactsTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, layout.IMAGE, "ghcr.io/x/worker:1")
    task.prepare('echo > "$OUTPUT_DIR/x"')
    task.run()
    assert task.facts()["image"] == "ghcr.io/x/worker:1"


def test_a_workflow_that_asks_for_no_facts_gets_none(
    task: FactsTask, capfd: pytest.CaptureFixture[str]
) -> None:
    task.prepare('echo > "$OUTPUT_DIR/x"')
    (task.directory / "facts").rmdir()
    task.run()
    assert "facts_not_kept" not in capfd.readouterr().out
    assert not (task.directory / "facts").exists()


def test_a_name_that_is_not_utf_8_keeps_its_bytes(task: FactsTask) -> None:
    task.prepare("""printf x > "$OUTPUT_DIR/$(printf 'b\\377')\"""")
    task.run()
    [wrote] = task.facts()["wrote"]
    assert os.fsencode(wrote["name"]) == b"b\xff"


def test_facts_have_start_times_and_software_versions(task: FactsTask) -> None:
    task.prepare('echo > "$OUTPUT_DIR/x"')
    task.run()
    stored = task.facts()
    [ran] = stored["ran"]
    assert stored["started_at"] <= ran["started_at"] <= stored["finished_at"]
    assert stored["software"]["python"]


def test_a_task_that_succeeded_leaves_a_copy_for_publish(task: FactsTask) -> None:
    task.prepare('ln -sf /etc/passwd "$OUTPUT_DIR/../facts.json"; echo > "$OUTPUT_DIR/x"')
    task.run()
    copy = task.directory / "workspace" / layout.FACTS
    assert not copy.is_symlink()
    assert json.loads(copy.read_bytes()) == task.facts()


def test_a_command_that_failed_is_marked(task: FactsTask) -> None:
    task.prepare("exit 3")
    with pytest.raises(CommandFailedError):
        task.run()
    [ran] = task.facts()["ran"]
    assert (ran["failed"], ran["exit_code"]) == (True, 3)
    assert not (task.directory / "workspace" / layout.FACTS).exists()


def test_inputs_on_volumes_are_told_with_their_checksums(task: FactsTask, tmp_path: Path) -> None:
    (tmp_path / "dem.tif").write_bytes(b"DEM")
    volume = InputFile(str(tmp_path / "dem.tif"), kind="volume", size=3)
    task.prepare('cat "$INPUT_DIR/dem.tif" > "$OUTPUT_DIR/x"', files=(volume,))
    task.run()
    known = {"source": str(tmp_path / "dem.tif"), "size": 3, "checksum": sha256(b"DEM")}
    assert task.facts()["read"] == [known]
