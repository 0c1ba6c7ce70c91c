"""The crate that goes along with a result, and results that have to do without."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import zipfile
from collections.abc import Container
from pathlib import Path

import pytest

from ogdc_shared import layout
from ogdc_shared.provenance import crate as _crate  # else each process that is killed imports it anew
from ogdc_worker.publish import companions
from ogdc_worker.publish.provenance import write_crate_of
from ogdc_worker.publish.publication import Publication
from ogdc_worker.publish.result import publish
from ogdc_worker.report import Reporter
from support.crashes import crashes, killed
from support.crates import RUN, Crate, facts_document
from support.publishing import publication_in
from support.trees import plant, tree

RESULT: dict[str, bytes | str | None] = {"b.tif": b"result"}


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    plant(tmp_path / "recipe", {"meta.yml": b"name: Seal tags\n", "recipe.sh": b"two\nlines\n"})
    return publication_in(tmp_path)


@pytest.fixture
def volume(publication: Publication) -> Path:
    return Path(publication.volume)


def leave(volume: Path, content: dict[str, bytes | str | None] = RESULT) -> Path:
    workspace = volume / layout.partition_workspace(RUN.name, 0)
    plant(workspace / "output_dir", content)
    wrote = [{"name": name, "size": 6} for name in content]
    ran = [{"number": 1, "line": 2}, {"number": 2, "line": 3}]
    (workspace / layout.FACTS).write_text(facts_document(ran=ran, wrote=wrote))
    return workspace


def outputs(directory: Path) -> dict[str, bytes | str | None]:
    return {name: value for name, value in tree(directory).items() if not name.startswith(".provenance")}


def checked(directory: Path) -> Crate:
    crate = Crate(directory)
    crate.check()
    assert [row["path"] for row in crate.rows("files.csv")] == ["b.tif"]
    assert crate.run["actionStatus"].endswith("/CompletedActionStatus")
    return crate


def test_a_published_directory_contains_its_provenance(volume: Path, publication: Publication) -> None:
    leave(volume)
    publish(publication, Reporter())
    crate = checked(volume / "seal-tags/.provenance")
    assert outputs(volume / "seal-tags") == RESULT
    assert (crate.directory / "recipe/recipe.sh").read_bytes() == b"two\nlines\n"
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044 for path in crate.directory.rglob("*"))
    assert not (volume / layout.workspace(RUN.name)).exists()


def test_where_callers_log_in_the_recipe_is_not_published(volume: Path, publication: Publication) -> None:
    Path(publication.description).write_text(RUN._replace(recipe_is_public=False).to_json())
    leave(volume)
    publish(publication, Reporter())
    crate = checked(volume / "seal-tags/.provenance")
    assert not (crate.directory / "recipe").exists()
    assert (crate.directory / "commands.txt").exists()


def test_a_zip_does_so_as_well(volume: Path, publication: Publication, tmp_path: Path) -> None:
    leave(volume)
    publish(publication._replace(output="temporary"), Reporter())
    with zipfile.ZipFile(publication.zip_path) as archive:
        archive.extractall(tmp_path / "out")
    checked(tmp_path / "out/.provenance")
    assert outputs(tmp_path / "out") == RESULT


def test_workflows_of_the_previous_version_publish_without_provenance(
    volume: Path, publication: Publication
) -> None:
    leave(volume)
    reporter = Reporter()
    publish(publication._replace(description="/nowhere/run.json"), reporter)
    assert tree(volume / "seal-tags") == RESULT
    assert reporter.warnings is not None
    assert reporter.warnings.total == 0


@pytest.fixture
def is_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "_MANY", 1)
    monkeypatch.setattr(companions, "may_fork", lambda: True)


@pytest.mark.usefixtures("is_forked")
@pytest.mark.parametrize("is_killed", [False, True])
def test_another_process_writes_the_crate_of_many_partitions(
    volume: Path, publication: Publication, monkeypatch: pytest.MonkeyPatch, *, is_killed: bool
) -> None:
    workspace, ours, writers = leave(volume).parent, os.getpid(), []

    def write(publication: Publication, directory: str, names: Container[str]) -> None:
        if is_killed and os.getpid() != ours:
            (Path(directory) / "half").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        writers.append(os.getpid())
        write_crate_of(publication, directory, names)

    monkeypatch.setattr(companions, "write_crate_of", write)
    publish(publication, Reporter())
    checked(volume / "seal-tags/.provenance")
    assert writers == ([ours] if is_killed else [])
    assert not workspace.exists()


@pytest.mark.usefixtures("is_forked")
def test_what_another_process_cannot_write_is_warned_of(volume: Path, publication: Publication) -> None:
    leave(volume)
    Path(publication.description).write_text("[]")
    reporter = Reporter()
    publish(publication, reporter)
    assert reporter.warnings is not None
    assert [each.kind for each in reporter.warnings.first] == ["provenance_not_kept"]
    assert tree(volume / "seal-tags") == RESULT


@pytest.mark.parametrize("output", ["pvc", "temporary"])
@pytest.mark.parametrize("broken", ["", "[]", '{"stages": 1}', "\0"])
def test_a_crate_that_cannot_be_written_causes_only_a_warning(
    volume: Path, publication: Publication, output: str, broken: str
) -> None:
    leave(volume)
    Path(publication.description).write_text(broken)
    reporter = Reporter()
    publish(publication._replace(output=output), reporter)
    assert reporter.warnings is not None
    assert [each.kind for each in reporter.warnings.first] == ["provenance_not_kept"]
    if output == "pvc":
        assert tree(volume / "seal-tags") == RESULT
    else:
        with zipfile.ZipFile(publication.zip_path) as archive:
            assert archive.namelist() == ["b.tif"]


def test_a_full_disk_for_the_crate_does_not_fail_publishing(
    volume: Path, publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(volume)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_crate, "copy_recipe", refuse)
    reporter = Reporter()
    publish(publication, reporter)
    assert tree(volume / "seal-tags") == RESULT
    assert reporter.warnings is not None


def test_a_commands_own_provenance_directory_is_published_with_a_warning(
    volume: Path, publication: Publication
) -> None:
    own = RESULT | {".provenance": None, ".provenance/mine.txt": b"mine"}
    leave(volume, own)
    reporter = Reporter()
    publish(publication, reporter)
    assert tree(volume / "seal-tags") == own
    assert reporter.warnings is not None
    assert "'.provenance', which is reserved" in reporter.warnings.first[0].message


def test_tasks_whose_facts_are_links_are_told_of_and_not_followed(
    volume: Path, publication: Publication
) -> None:
    workspace = leave(volume)
    (workspace / layout.FACTS).unlink()
    (workspace / layout.FACTS).symlink_to("/etc/passwd")
    publish(publication, Reporter())
    crate = Crate(volume / "seal-tags/.provenance")
    crate.check()
    assert "known in part" in crate.entities["./"]["description"]
    assert b"root:" not in b"".join(
        path.read_bytes() for path in crate.directory.rglob("*") if path.is_file()
    )


@pytest.mark.slow
def test_a_kill_leaves_a_whole_crate_or_none(volume: Path, publication: Publication) -> None:
    def prepare() -> None:
        shutil.rmtree(volume)
        volume.mkdir()
        leave(volume)

    for _ in crashes(prepare, lambda: publish(publication, Reporter())):
        if (volume / "seal-tags").exists():
            checked(volume / "seal-tags/.provenance")
        assert not killed(lambda: publish(publication, Reporter()))
        checked(volume / "seal-tags/.provenance")
        assert outputs(volume / "seal-tags") == RESULT
