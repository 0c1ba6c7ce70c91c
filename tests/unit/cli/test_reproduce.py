"""Comparing what two crates tell of, and what they must not be able to do."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from ogdc_cli.api import ApiClient
from ogdc_cli.reproduce.comparison import (
    Compared,
    Verdict,
    compare_entries,
    inside,
    is_altered,
    look_closer,
    undecided,
)
from ogdc_cli.reproduce.original import Original, of_run, opened
from ogdc_cli.reproduce.report import Reproduction, lines
from ogdc_cli.reproduce.rerun import check_recipe, keep_apart, parameters_of
from ogdc_local.stack.paths import StatePaths
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.layout import receipt
from ogdc_shared.provenance.crate import write_crate
from ogdc_shared.provenance.reading import Entry, read_files
from ogdc_shared.provenance.task_facts import TaskRecord
from ogdc_shared.recipe.bundle import content_digest, pack
from support.crates import RUN, SHA256, facts_document
from support.trees import plant

ONE, OTHER = Entry("", "1", "sha256:aa"), Entry("", "1", "sha256:bb")
RECIPE = {"meta.yml": b"name: Seal tags\n", "recipe.sh": b"true\n", "data/a.csv": b"1\n"}


def crate_of(directory: Path, name: str = "b.tif", **changed: str) -> Path:
    """A crate as `provenance RUN -o` writes it."""
    plant(directory / "source", RECIPE | {key: value.encode() for key, value in changed.items()})
    (directory / "facts").write_text(facts_document(wrote=[{"name": name, "size": 1, "checksum": SHA256}]))
    (directory / "crate").mkdir()
    run = RUN._replace(content=content_digest(pack(directory / "source")))
    tasks = [TaskRecord("process", 0, facts=str(directory / "facts"))]
    write_crate(str(directory / "crate"), run, tasks, recipe=str(directory / "source"))
    return directory / "crate"


@pytest.mark.parametrize(
    ("then", "now", "verdict"),
    [
        (ONE, ONE, Verdict.SAME),
        (ONE, OTHER, Verdict.DIFFERS),
        (ONE, ONE._replace(size="2", checksum="sha256:cc"), Verdict.DIFFERS),
        (ONE, ONE._replace(checksum=""), Verdict.UNKNOWN),
        (ONE, ONE._replace(checksum="md5:aa"), Verdict.UNKNOWN),
        (ONE, ONE._replace(checksum="", size="2"), Verdict.DIFFERS),
        (ONE, None, Verdict.MISSING),
        (None, ONE, Verdict.NEW),
    ],
)
def test_entries_are_compared_by_the_known_attributes(
    then: Entry | None, now: Entry | None, verdict: Verdict
) -> None:
    sides = [{} if each is None else {"a": each} for each in (then, now)]
    assert [each.verdict for each in compare_entries(*sides)] == [verdict]


def test_local_files_are_compared_by_bytes_and_then_by_content(tmp_path: Path) -> None:
    for name in ("one", "same", "other"):
        (tmp_path / name).write_text("x" if name != "other" else "y")
    [differs] = compare_entries({"a": ONE}, {"a": OTHER})

    def looked(other: str, answer: tuple[bool, list[str]] | None) -> tuple[Verdict, tuple[str, ...]]:
        found = look_closer(differs, tmp_path / "one", tmp_path / other, lambda *_: answer)
        return found.verdict, found.details

    assert looked("same", None) == (Verdict.SAME, ())
    assert looked("other", (True, [])) == (Verdict.SAME_CONTENT, ())
    assert looked("other", (False, ["band 1"])) == (Verdict.DIFFERS, ("band 1",))
    assert looked("other", None) == (Verdict.DIFFERS, differs.details)


def test_bytes_decide_only_for_files_that_cannot_be_compared_by_content(tmp_path: Path) -> None:
    for name in ("then", "now"):
        (tmp_path / name).write_text(name)
    for path, verdict in {
        "a.GPKG": Verdict.UNKNOWN,
        "a.tif": Verdict.UNKNOWN,
        "a.csv": Verdict.DIFFERS,
    }.items():
        [differs] = compare_entries({path: ONE}, {path: OTHER})
        assert undecided(differs, "why").verdict == verdict
        assert look_closer(differs, tmp_path / "then", tmp_path / "now", lambda *_: None).verdict == verdict
        [same] = compare_entries({path: ONE}, {path: ONE})
        assert undecided(same, "why") == same
    reports = [
        Reproduction("run", "Succeeded", None, (), tuple(Compared(each, verdict) for each, verdict in found))
        for found in ([("a", Verdict.UNKNOWN)], [("a", Verdict.UNKNOWN), ("b", Verdict.DIFFERS)])
    ]
    assert [[*lines(each)][-1].partition(":")[0] for each in reports] == ["Undecided", "Not reproduced"]
    assert not any(each.is_good for each in reports)


def test_a_replaced_result_is_looked_for_where_run_has_copied_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its checksum: a published directory that another run has replaced may still have some of it."""
    crate_of(tmp_path)
    entry, name = Entry("", "1", f"sha256:{sha256(b'A').hexdigest()}"), "tags-aaaaaaaaaa"
    plant(tmp_path / "ogdc-output" / name, {"a.gpkg": b"A", "b.gpkg": b"changed since"})
    plant(tmp_path / "volume/tags", {"a.gpkg": b"new", "b.gpkg": b"A", "c.gpkg": b"new"})
    note = tmp_path / "volume" / receipt("tags")
    note.parent.mkdir(parents=True)
    note.write_text('{"run": "tags-bbbbbbbbbb"}')
    monkeypatch.setattr(StatePaths, "volume", tmp_path / "volume")
    client = cast(ApiClient, _OneRun(tmp_path / "crate"))
    with of_run(client, name, outputs=None, copies=tmp_path / "ogdc-output") as found:
        assert found.outputs is None
        made = {path: found.made(path, entry) for path in ("a.gpkg", "b.gpkg", "c.gpkg")}
        assert found.made("a.gpkg", ONE._replace(checksum="")) is None
    assert [each and each.read_bytes() for each in made.values()] == [b"A", b"A", None]
    assert found.reason == "tags/ on the workflow volume is that of run tags-bbbbbbbbbb by now"


class _OneRun:
    """A deployment that has one run, and publishes on the volume."""

    def __init__(self, crate: Path) -> None:
        self._crate = crate

    def run(self, _name: str, *, tasks: int) -> object:
        return SimpleNamespace(links={}, recipe_id="tags")

    def save_provenance(self, _name: str, target: Path, *, metadata_alone: bool) -> None:
        with ZipFile(target, "w") as archive:
            archive.write(self._crate / "files.csv", "files.csv")


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "link", "", ".", "a\0b", "x" * 5000])
def test_a_crate_cannot_refer_to_files_outside(tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").write_text("")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/link").symlink_to("../outside")
    assert inside(tmp_path / "outputs", path) is None


def test_later_changes_of_files_are_detected(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"A")
    digest = "559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd"
    assert not is_altered(tmp_path / "a", Entry("", "1", f"sha256:{digest}"))
    assert is_altered(tmp_path / "a", ONE)
    assert not is_altered(tmp_path / "a", Entry("", "1", ""))
    assert is_altered(tmp_path / "a", Entry("", "2", ""))


@pytest.mark.parametrize("name", ["b.tif", "sea ice/ø.tif", "../b.tif", "=1+1", "a\nb"])
def test_a_crates_table_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    assert read_files(crate_of(tmp_path, name), "output") == {name: Entry("", "1", SHA256)}


def test_a_crate_is_found_in_all_its_forms(tmp_path: Path) -> None:
    crate = crate_of(tmp_path)
    with opened(crate) as found:
        assert (found.crate, found.outputs) == (crate, None)
    result = tmp_path / "result"
    result.mkdir()
    crate.rename(result / ".provenance")
    for target in (result, result / ".provenance"):
        with opened(target) as found:
            assert (found.crate, found.outputs) == (result / ".provenance", result)


@pytest.mark.parametrize("content", [None, b"", b"PK\x05\x06", b"nothing"])
def test_what_is_no_crate_is_refused(tmp_path: Path, content: bytes | None) -> None:
    target = tmp_path / "target"
    target.mkdir() if content is None else target.write_bytes(content)
    with pytest.raises(InvalidRequestError, match=r"is not a (crate|zip)"), opened(target):
        pass


@pytest.mark.parametrize("damage", ["content", "method", "encrypted"])
def test_a_damaged_zip_is_refused(tmp_path: Path, damage: str) -> None:
    with ZipFile(tmp_path / "a.zip", "w", ZIP_DEFLATED) as archive:
        archive.writestr("a", b"seal" * 1000)
        place = archive.getinfo("a")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    directory = content.index(b"PK\x01\x02")
    if damage == "content":
        content[32:40] = b"\xff" * 8
    elif damage == "method":
        content[directory + 10] = content[8] = 99
    else:
        content[directory + 8] = content[6] = place.flag_bits | 1
    (tmp_path / "a.zip").write_bytes(content)
    with (
        pytest.raises(InvalidRequestError, match="is not a zip that can be read"),
        opened(tmp_path / "a.zip"),
    ):
        pass


def test_a_zip_that_would_fill_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ZipFile(tmp_path / "a.zip", "w", ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(1 << 20))
    monkeypatch.setattr(
        "ogdc_shared.provenance.reading.shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 30)
    )
    with pytest.raises(InvalidRequestError, match="1,048,576 bytes"), opened(tmp_path / "a.zip"):
        pass


def test_a_table_with_a_duplicate_file_is_rejected(tmp_path: Path) -> None:
    crate = crate_of(tmp_path)
    with (crate / "files.csv").open("a") as table:
        table.write((crate / "files.csv").read_text().splitlines()[-1] + "\n")
    with pytest.raises(InvalidRequestError, match=r"'b\.tif' twice"):
        read_files(crate, "output")


def test_a_truncated_table_is_rejected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "files.csv")
    with pytest.raises(InvalidRequestError, match="there is no file"):
        read_files(tmp_path, "output")


def test_the_recipe_has_to_be_the_one_that_ran(tmp_path: Path) -> None:
    original = Original(crate_of(tmp_path), None, "it")
    check_recipe(original)
    (original.crate / "recipe/recipe.sh").write_text("rm -rf ~\n")
    with pytest.raises(InvalidRequestError, match="is not the one that ran"):
        check_recipe(original)


def test_a_recipe_with_removed_secrets_is_rejected(tmp_path: Path) -> None:
    crate = crate_of(tmp_path, **{"urls.txt": "https://me:secret@example.org/a\n"})
    with pytest.raises(InvalidRequestError, match=r"named in urls\.txt"):
        check_recipe(Original(crate, None, "it"))


def test_a_crate_without_the_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "crate").mkdir()
    write_crate(str(tmp_path / "crate"), RUN, [], recipe=None)
    with pytest.raises(InvalidRequestError, match="does not contain the recipe"):
        check_recipe(Original(tmp_path / "crate", None, "it"))


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"@graph": [1]}), "\0"])
def test_damaged_metadata_are_refused(tmp_path: Path, text: str) -> None:
    crate = crate_of(tmp_path)
    (crate / "ro-crate-metadata.json").write_text(text)
    with pytest.raises(InvalidRequestError, match="is damaged"):
        check_recipe(Original(crate, None, "it"))


def test_a_run_is_reproduced_with_its_parameters(tmp_path: Path) -> None:
    run = RUN._replace(parameters={"YEAR": 2021, "LABEL": "a=b"})
    write_crate(str(tmp_path), run, [], recipe=None)
    assert parameters_of(Original(tmp_path, None, "crate")) == {"YEAR": "2021", "LABEL": "a=b"}


def test_a_masked_parameter_must_be_given_again(tmp_path: Path) -> None:
    write_crate(str(tmp_path), RUN._replace(parameters={"URL": "https://***@host/"}), [], recipe=None)
    with pytest.raises(InvalidRequestError, match="parameter URL"):
        parameters_of(Original(tmp_path, None, "crate"))


def test_reproducing_replaces_neither_published_data_nor_kept_results(
    tmp_path: Path,
) -> None:
    meta = {"name": "a", "output": {"type": "dataone", "license": "CC0-1.0"}, "workflow": {"type": "shell"}}
    (tmp_path / "meta.yml").write_text(json.dumps(meta))
    keep_apart(tmp_path / "meta.yml")
    assert json.loads((tmp_path / "meta.yml").read_text()) == {
        "name": "a",
        "output": {"type": "temporary", "license": "CC0-1.0"},
        "workflow": {"type": "shell", "reuse": False},
    }
