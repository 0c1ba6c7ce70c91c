"""Consecutive runs of a recipe: what is executed and reused, and that the results are equal."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from ogdc_shared import forks
from ogdc_shared.errors import CommandFailedError, PublishError
from ogdc_shared.trees import move_children
from ogdc_worker.publish import result
from ogdc_worker.reuse import taking
from ogdc_worker.reuse.linked import note_linked, read_linked
from ogdc_worker.reuse.store import LinkedFile
from support.crashes import crashes
from support.effort import THOROUGH
from support.reused_runs import Ended, ReusedRuns


@pytest.fixture
def runs(tmp_path: Path) -> ReusedRuns:
    runs = ReusedRuns(tmp_path)
    runs.write(a="A", b="B")
    return runs


TWO = [["a.txt"], ["b.txt"]]
FIRST = 'for f in "$INPUT_DIR"/*; do cp "$f" "$OUTPUT_DIR"; done'
COUNTED = (
    'echo ran >> "$NOTES/log"; '
    'for f in "$INPUT_DIR"/*; do (cat "$f"; echo {word}) > "$OUTPUT_DIR/${f##*/}"; done'
)


def counted(word: str = "done") -> str:
    """A command that notes each time it is run."""
    return COUNTED.replace("{word}", word)


def times(runs: ReusedRuns) -> int:
    log = runs.directory / "log"
    count = len(log.read_text().split()) if log.exists() else 0
    log.unlink(missing_ok=True)
    return count


class TestUnchanged:
    def test_an_unchanged_recipe_runs_nothing_and_publishes_the_same(self, runs: ReusedRuns) -> None:
        first = runs.run(counted(), partitions=TWO)
        assert times(runs) == 2
        again = runs.run(counted(), partitions=TWO)
        assert (times(runs), again.left, again.result) == (0, [], first.result)
        assert again.taken == {"0": ["run-1", 1, True], "1": ["run-1", 1, True]}

    def test_shares_the_files_of_a_published_result_instead_of_copying_them(self, runs: ReusedRuns) -> None:
        runs.run(FIRST, partitions=TWO)
        before = os.stat(runs.volume / "lakes" / "a.txt").st_ino
        runs.run(FIRST, partitions=TWO)
        assert os.stat(runs.volume / "lakes" / "a.txt").st_ino == before

    def test_results_are_reused_from_a_run_that_reused_them_itself(self, runs: ReusedRuns) -> None:
        for _ in range(3):
            ended = runs.run(counted(), partitions=TWO)
        assert times(runs) == 2
        assert ended.taken["0"][0] == "run-1"

    def test_facts_name_the_run_whose_results_were_reused(self, runs: ReusedRuns) -> None:
        runs.run(FIRST, partitions=[["b.txt"], ["a.txt"]])
        name = runs.begin(FIRST, partitions=TWO)
        runs.take(name)
        facts = (runs.workspace(name, 1) / "facts.json").read_text()
        assert '"reused": {"run": "run-1", "commands": 1}' in facts
        assert '"partition": 1' in facts

    def test_several_processes_reuse_the_same_as_one(
        self, runs: ReusedRuns, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(forks, "may_fork", lambda: True)
        monkeypatch.setattr(forks, "_processors", lambda: 2)
        monkeypatch.setattr(taking, "_SHARE", 1)
        first = runs.run(counted(), partitions=TWO)
        name = runs.begin(counted(), partitions=TWO)
        left, taken = runs.take(name)
        place = runs.directory / name
        facts = (place / "reused-facts").read_bytes()
        for number, (*_, begin, size) in json.loads((place / "reused.json").read_text()).items():
            assert facts[begin : begin + size] == (runs.workspace(name, number) / "facts.json").read_bytes()
        linked = read_linked(str(runs.workspace(name, 0).parent))
        assert {number: [file.name for file in files] for number, files in linked.items()} == {
            0: ["a.txt"],
            1: ["b.txt"],
        }
        assert runs.publish(name, 2, left=left, taken=taken).result == first.result
        assert times(runs) == 2

    def test_the_run_that_produced_a_result_is_named(self, runs: ReusedRuns) -> None:
        runs.run(FIRST, FIRST, partitions=TWO)
        runs.run(FIRST, FIRST + "; :", partitions=TWO)
        name = runs.begin(FIRST, FIRST + "; :", partitions=TWO)
        runs.take(name)
        assert (
            '"reused": {"run": "run-2", "commands": 2}'
            in (runs.workspace(name, 0) / "facts.json").read_text()
        )

    def test_a_continued_task_counts_its_own_work_and_names_the_earlier_run(self, runs: ReusedRuns) -> None:
        for count in (1, 2, 3):
            ended = runs.run(FIRST, *map(counted, "abc"[:count]), partitions=TWO[:1])
        facts = json.loads((runs.directory / ended.name / "facts-0.json").read_text())
        assert facts["reused"] == {"run": "run-2", "commands": 3}
        assert (facts["totals"]["ran"]["commands"], facts["totals"]["fetched"]["files"]) == (1, 0)
        assert [each["number"] for each in facts["ran"]] == [1, 2, 3, 4]

    @pytest.mark.skipif(not THOROUGH, reason="kills a task, and what publishes, at each of 140 moments")
    def test_a_kill_while_a_result_is_kept_does_no_harm(self, tmp_path: Path) -> None:
        worlds: list[ReusedRuns] = []

        def prepare() -> None:
            worlds.append(ReusedRuns(tmp_path / str(len(worlds))))
            worlds[-1].write(a="A")
            worlds[-1].begin(FIRST, counted(), partitions=TWO[:1])

        def keep() -> None:
            worlds[-1].process("run-1", 0)
            worlds[-1].publish("run-1", 1, left=[0], taken={})

        for _ in crashes(prepare, keep):
            runs = worlds[-1]
            if not (runs.volume / "lakes").exists():
                runs.process("run-1", 0)
            first = runs.publish("run-1", 1, left=[0], taken={})
            again = runs.run(FIRST, counted(), partitions=TWO[:1])
            assert first.result == again.result == {"a.txt": b"Adone\n"}
        assert len(worlds) > 100

    @pytest.mark.slow
    def test_a_kill_at_any_moment_does_no_harm(self, runs: ReusedRuns) -> None:
        first = runs.run(counted(), partitions=TWO)
        times(runs)
        name = runs.begin(counted(), partitions=TWO)

        def take() -> None:
            runs.take(name)

        moments = 0
        for _ in crashes(lambda: None, take):
            moments += 1
        left, taken = runs.take(name)
        ended = runs.publish(name, 2, left=left, taken=taken)
        assert (moments > 10, times(runs), left, ended.result) == (True, 0, [], first.result)


class TestChanged:
    def test_publishes_the_files_that_did_not_change_and_drops_what_has_no_input(
        self, runs: ReusedRuns
    ) -> None:
        runs.write(c="C")
        runs.run(counted(), partitions=[*TWO, ["c.txt"]])
        published = runs.volume / "lakes"
        before = {path.name: path.stat().st_ino for path in published.iterdir()}
        runs.write(b="new")
        ended = runs.run(counted(), partitions=TWO)
        after = {path.name: path.stat().st_ino for path in published.iterdir()}
        assert ended.result == {"a.txt": b"Adone\n", "b.txt": b"newdone\n"}
        assert after["a.txt"] == before["a.txt"]
        assert after["b.txt"] not in before.values()

    def test_runs_the_partition_whose_input_changed(self, runs: ReusedRuns) -> None:
        runs.run(counted(), partitions=TWO)
        times(runs)
        runs.write(b="new")
        ended = runs.run(counted(), partitions=TWO)
        assert (times(runs), ended.left) == (1, [1])
        assert ended.result["b.txt"] == b"newdone\n"

    def test_runs_a_new_input_and_leaves_out_one_that_is_gone(self, runs: ReusedRuns) -> None:
        runs.run(counted(), partitions=TWO)
        times(runs)
        runs.write(c="C")
        ended = runs.run(counted(), partitions=[["c.txt"], ["b.txt"]])
        assert times(runs) == 1
        assert {*ended.result} >= {"b.txt", "c.txt"}
        assert "a.txt" not in ended.result

    def test_goes_on_after_the_commands_that_did_not_change(self, runs: ReusedRuns) -> None:
        runs.run(counted("one"), counted("two"), counted("three"), partitions=TWO)
        assert times(runs) == 6
        ended = runs.run(counted("one"), counted("two"), counted("3"), partitions=TWO)
        assert (times(runs), ended.taken["0"]) == (2, ["run-1", 2, False])
        assert ended.result["a.txt"] == b"Aone\ntwo\n3\n"

    def test_goes_on_after_all_commands_where_one_was_added(self, runs: ReusedRuns) -> None:
        runs.run(counted("one"), partitions=TWO)
        times(runs)
        ended = runs.run(counted("one"), counted("two"), partitions=TWO)
        assert times(runs) == 2
        assert ended.result["a.txt"] == b"Aone\ntwo\n"

    def test_goes_on_from_what_a_failed_run_has_kept(self, runs: ReusedRuns) -> None:
        failed = runs.begin(counted("one"), "false", partitions=TWO)
        for number in (0, 1):
            with pytest.raises(CommandFailedError):
                runs.process(failed, number)
        assert times(runs) == 2
        ended = runs.run(counted("one"), counted("mended"), partitions=TWO, unended=(failed,))
        assert (times(runs), ended.taken["1"]) == (2, [failed, 1, False])
        assert ended.result["b.txt"] == b"Bone\nmended\n"

    @pytest.mark.parametrize(
        "other",
        [{"base": "ff" * 32}, {"fresh": True}],
        ids=["another recipe, image or variable", "asked to run anew"],
    )
    def test_runs_everything_where_more_than_that_changed(
        self, runs: ReusedRuns, other: dict[str, object]
    ) -> None:
        runs.run(counted(), partitions=TWO)
        times(runs)
        runs.run(counted(), partitions=TWO, **other)  # type: ignore[arg-type]
        assert times(runs) == 2


def _fill_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class TestEdits:
    """Files of the store that bear a second name are edited by people, and by commands."""

    def test_runs_anew_what_somebody_edited_in_the_published_result(self, runs: ReusedRuns) -> None:
        first = runs.run(counted(), partitions=TWO)
        times(runs)
        with (runs.volume / "lakes" / "a.txt").open("a") as file:
            file.write("edited")
        ended = runs.run(counted(), partitions=TWO)
        assert (times(runs), ended.left, ended.result) == (1, [0], first.result)

    def test_edits_that_keep_size_and_time_are_detected(self, runs: ReusedRuns) -> None:
        first = runs.run(counted(), partitions=TWO)
        path = runs.volume / "lakes" / "a.txt"
        status = path.stat()
        with path.open("r+") as file:
            file.write("Z")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert runs.run(counted(), partitions=TWO).result == first.result

    @pytest.mark.parametrize(("time", "output"), [("kept", "pvc"), ("new", "temporary")])
    def test_publishes_nothing_that_was_edited_while_a_run_that_took_it_went_on(
        self, runs: ReusedRuns, time: str, output: str
    ) -> None:
        first = runs.run(counted(), partitions=TWO)
        runs.write(b="new")
        name = runs.begin(counted(), partitions=TWO)
        left, taken = runs.take(name)
        runs.process(name, 1)
        path = runs.volume / "lakes" / "a.txt"
        status = path.stat()
        path.write_text("Edone\n")
        if time == "kept":
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        with pytest.raises(PublishError, match=r"changed published files .*: 'a.txt'"):
            runs.publish(name, 2, left=left, taken=taken, output=output)
        assert runs.published() == first.result | {"a.txt": b"Edone\n"}
        again = runs.run(counted(), partitions=TWO)
        assert (again.left, again.result) == ([0], {"a.txt": b"Adone\n", "b.txt": b"newdone\n"})

    def test_publishes_nothing_that_was_edited_after_another_run_took_it(self, runs: ReusedRuns) -> None:
        failed = runs.begin(counted(), partitions=TWO)
        runs.process(failed, 0)
        first = runs.run(counted(), partitions=TWO, unended=(failed,))
        assert first.taken == {"0": [failed, 1, True]}
        (runs.volume / "lakes" / "a.txt").write_text("edited\n")
        runs.process(failed, 1)  # by a retry
        with pytest.raises(PublishError, match=r"'a\.txt'"):
            runs.publish(failed, 2, left=[0, 1], taken={})
        assert runs.run(counted(), partitions=TWO).result == first.result

    def test_publishes_nothing_that_was_edited_while_it_was_put_together(
        self, runs: ReusedRuns, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = runs.run(counted(), partitions=TWO)
        name = runs.begin(counted(), partitions=TWO)
        left, taken = runs.take(name)

        def move(*places: str) -> None:
            (runs.volume / "lakes" / "a.txt").write_text("edited\n")
            move_children(*places)

        with monkeypatch.context() as patched:
            patched.setattr(result, "move_children", move)
            for _ in range(2):  # also when it is tried again
                with pytest.raises(PublishError, match=r"'a\.txt'"):
                    runs.publish(name, 2, left=left, taken=taken)
        assert runs.run(counted(), partitions=TWO).result == first.result

    def test_publishes_nothing_that_was_edited_after_it_was_put_together(
        self, runs: ReusedRuns, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs.run(counted(), partitions=TWO)
        name = runs.begin(counted(), partitions=TWO)
        left, taken = runs.take(name)
        with monkeypatch.context() as patched:
            patched.setattr(result, "_show", _fill_disk)
            with pytest.raises(OSError, match="No space left"):
                runs.publish(name, 2, left=left, taken=taken)
        (runs.volume / "lakes" / "a.txt").write_text("edited\n")
        with pytest.raises(PublishError, match=r"'a\.txt'"):
            runs.publish(name, 2, left=left, taken=taken)

    def test_a_truncated_note_does_not_affect_others(self, tmp_path: Path) -> None:
        (tmp_path / "linked.json").write_text('[0, [["a.txt", 1')
        file = LinkedFile("b.txt", 1, "5c" * 32, 0, 0)
        note_linked(str(tmp_path), 1, [file])
        assert read_linked(str(tmp_path)) == {1: [file]}

    def test_keeps_what_a_command_left_from_the_next_that_edits_it_in_place(self, runs: ReusedRuns) -> None:
        in_place = 'for f in "$INPUT_DIR"/*; do echo edited >> "$f"; cp "$f" "$OUTPUT_DIR"; done'
        first = runs.run(counted(), in_place, partitions=TWO)
        times(runs)
        again = runs.run(counted(), in_place + "; true", partitions=TWO)
        assert (times(runs), again.result) == (0, first.result)
        assert again.taken["0"][1:] == [1, False]
        third = runs.run(counted(), in_place + "; :", partitions=TWO)
        assert (times(runs), third.result) == (0, first.result)

    def test_damaged_results_in_the_store_are_dropped(self, runs: ReusedRuns) -> None:
        first = runs.run(counted(), partitions=TWO)
        times(runs)
        for about in runs.store.rglob("about.json"):
            about.write_text("{")
        ended = runs.run(counted(), partitions=TWO)
        assert (times(runs), ended.result) == (2, first.result)

    def test_a_full_disk_does_not_drop_stored_results(
        self, runs: ReusedRuns, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = runs.run(counted(), partitions=TWO)
        times(runs)
        with monkeypatch.context() as full:
            full.setattr(taking, "_write_bytes", _fill_disk)
            with pytest.raises(OSError, match="No space"):
                runs.take(runs.begin(counted(), partitions=TWO))
        again = runs.run(counted(), partitions=TWO)
        assert (times(runs), again.left, again.result) == (0, [], first.result)

    def test_takes_no_link_that_a_command_has_put_in_place_of_what_was_kept(self, runs: ReusedRuns) -> None:
        failed = runs.begin(counted(), "false", partitions=TWO)
        with pytest.raises(CommandFailedError):
            runs.process(failed, 0)
        secret = runs.directory / "secret"
        secret.write_text("Adone\n")
        kept = runs.workspace(failed, 0) / "kept" / "1" / "files" / "a.txt"
        kept.unlink()
        kept.symlink_to(secret)
        times(runs)
        ended = runs.run(counted(), partitions=TWO, unended=(failed,))
        assert (times(runs), "0" in ended.taken) == (2, False)


class TestSamples:
    def test_warns_where_a_sample_makes_another_result(self, runs: ReusedRuns) -> None:
        random = "cat $NOTES/chance > $OUTPUT_DIR/x-$(ls $INPUT_DIR)"
        (runs.directory / "chance").write_text("1")
        runs.run(random, partitions=TWO)
        (runs.directory / "chance").write_text("2")
        ended = runs.run(random, partitions=TWO, checked=1.0)
        assert ended.left == [0, 1]
        assert "made another result than run run-1" in ended.warnings
        assert runs.run(random, partitions=TWO).result["x-a.txt"] == b"2"

    def test_no_warning_if_a_sample_has_the_same_result(self, runs: ReusedRuns) -> None:
        runs.run(counted(), partitions=TWO)
        times(runs)
        ended = runs.run(counted(), partitions=TWO, checked=1.0)
        assert (times(runs), "made another" in ended.warnings) == (2, False)


class TestKinds:
    def test_takes_directories_and_links_as_they_were(self, runs: ReusedRuns) -> None:
        make = (
            'mkdir -p "$OUTPUT_DIR/d/empty"; f=$(ls "$INPUT_DIR"); cp "$INPUT_DIR/$f" "$OUTPUT_DIR/d/$f"; '
            'ln -s "d/$f" "$OUTPUT_DIR/link-$f"; chmod 750 "$OUTPUT_DIR/d/$f"'
        )
        first = runs.run(make, "cp -a $INPUT_DIR/. $OUTPUT_DIR", partitions=[["a.txt"]])
        again = runs.run(make, "cp -a $INPUT_DIR/. $OUTPUT_DIR", partitions=[["a.txt"]])
        assert (again.left, again.result) == ([], first.result)
        assert os.readlink(runs.volume / "lakes" / "link-a.txt") == "d/a.txt"
        assert (runs.volume / "lakes" / "d" / "empty").is_dir()
        third = runs.run(make, "cp -a $INPUT_DIR/. $OUTPUT_DIR; :", partitions=[["a.txt"]])
        assert third.taken["0"][1:] == [1, False]
        assert third.result == first.result

    def test_recalls_the_warnings_of_what_it_takes(self, runs: ReusedRuns) -> None:
        warns = 'cp "$INPUT_DIR"/* "$OUTPUT_DIR"; echo "ERROR 4: something" >&2'
        first = runs.run(warns, partitions=TWO)
        assert "something" in first.warnings
        assert runs.run(warns, partitions=TWO).warnings == first.warnings


class TestAllowedFailures:
    """Partitions of which nothing is missing are taken; the others run until nothing is."""

    CHECKED = (
        'echo ran >> "$NOTES/log"; case "$INPUT_FILE" in *b.txt) cat "$NOTES/mended";; esac '
        '&& cp "$INPUT_FILE" "$OUTPUT_FILE"'
    )
    PARTITIONS = (["a.txt", "b.txt"], ["c.txt"])

    def run(self, runs: ReusedRuns, *commands: str) -> Ended:
        runs.write(c="C")
        partitions = [*map(list, self.PARTITIONS)]
        return runs.run(*commands, partitions=partitions, per_file=True, allowed_failures="1")

    def test_partitions_with_failed_items_run_again(self, runs: ReusedRuns) -> None:
        first = self.run(runs, self.CHECKED)
        assert (times(runs), {*first.result}) == (3, {"a.txt", "c.txt", "ogdc-missing.json"})
        again = self.run(runs, self.CHECKED)
        assert (times(runs), again.left, {*again.result}) == (2, [0], {*first.result})
        (runs.directory / "mended").touch()
        mended = self.run(runs, self.CHECKED)
        assert (times(runs), mended.left, {*mended.result}) == (2, [0], {"a.txt", "b.txt", "c.txt"})
        last = self.run(runs, self.CHECKED)
        assert (times(runs), last.left, last.result) == (0, [], mended.result)

    def test_goes_on_after_the_commands_that_nothing_failed_in(self, runs: ReusedRuns) -> None:
        copy = 'echo ran >> "$NOTES/first"; cp "$INPUT_FILE" "$OUTPUT_FILE"'
        self.run(runs, copy, self.CHECKED)
        again = self.run(runs, copy, self.CHECKED)
        assert again.taken == {"0": ["run-1", 1, False], "1": ["run-1", 2, True]}
        assert (runs.directory / "first").read_text().count("ran") == 3
        assert '"items": 3' in again.result["ogdc-missing.json"].decode()
