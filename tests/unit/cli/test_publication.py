"""Making the package of a run: the same each time, and refused where it would be wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from zipfile import ZipFile

import pytest

from ogdc_cli.api import ApiClient
from ogdc_cli.publication.checking import advice, problems
from ogdc_cli.publication.making import make_package
from ogdc_cli.publication.package import LEDGER, Package, read_ledger
from ogdc_shared.api.answers import OutputEntry
from ogdc_shared.digests import digest
from ogdc_shared.errors import InvalidRecipeError, InvalidRequestError
from ogdc_shared.provenance.crate import write_crate
from ogdc_shared.provenance.task_facts import TaskRecord
from ogdc_shared.walking import walk
from support.crates import RUN, facts_document
from support.publications import METADATA, ORCID
from support.trees import plant

META: dict[str, Any] = {
    "name": "Seal tags",
    "workflow": {"type": "shell"},
    "input": {"params": [{"type": "url", "value": "https://example.org/a.tif"}]},
    "output": {"license": "CC-BY-4.0"},
    "metadata": METADATA,
}
OUTPUTS = {
    **{"b.tif": b"tif", "d/ü.csv": b"1\n"},
    **{".provenance/README.md": b"# Provenance\n", ".stac/catalog.json": b"{}\n"},
}


class Deployment:
    """A deployment that has one run."""

    def __init__(self, scratch: Path, outputs: dict[str, bytes], meta: dict[str, Any], **run: str) -> None:
        self._outputs = outputs
        self.downloads = 0
        plant(scratch / "recipe", {"meta.yml": json.dumps(meta).encode(), "recipe.sh": b"cp a b\n"})
        made = {name: body for name, body in OUTPUTS.items() if not name.startswith(".")}
        wrote = [
            {"name": name, "size": len(body), "checksum": f"sha256:{digest(body)}"}
            for name, body in made.items()
        ]
        (scratch / "facts").write_text(facts_document(wrote=wrote))
        self._crate = scratch / "crate"
        self._crate.mkdir()
        tasks = [TaskRecord("process", 0, facts=str(scratch / "facts"))]
        write_crate(str(self._crate), RUN._replace(**run), tasks, recipe=str(scratch / "recipe"))

    def save_provenance(self, _name: str, target: Path, *, metadata_alone: bool) -> None:
        assert not metadata_alone
        with ZipFile(target, "w") as archive:
            for name, entry in walk(str(self._crate)):
                archive.write(entry.path, name)

    def outputs(self, _name: str) -> Iterator[OutputEntry]:
        for name, body in self._outputs.items():
            yield OutputEntry(name, len(body), "", "")

    def download_file(self, _name: str, path: str, target: Path) -> None:
        self.downloads += 1
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self._outputs[path])


def deployment(
    scratch: Path, *, meta: dict[str, Any] = META, outputs: Any = OUTPUTS, **run: str
) -> ApiClient:
    scratch.mkdir()
    return cast(ApiClient, Deployment(scratch, outputs, meta, **run))


def made(client: ApiClient, directory: Path, metadata: Path | None = None) -> Package:
    return make_package(client, RUN.name, directory, metadata=metadata)


def content(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_a_package_holds_results_program_account_metadata_and_map_in_that_order(tmp_path: Path) -> None:
    package = made(deployment(tmp_path / "at"), tmp_path / "package")
    roles = [(member.role, member.path) for member in package.members]
    assert roles == [
        ("output", "b.tif"),
        ("output", "d/ü.csv"),
        ("program", "recipe/recipe.sh"),
        ("account", "provenance.zip"),
        ("metadata", "metadata.xml"),
        ("map", "resource-map.xml"),
    ]
    assert (package.owner, package.is_public) == (ORCID, True)
    for member in package.members:
        body = (tmp_path / "package" / member.file).read_bytes()
        assert (member.size, member.sha256) == (len(body), digest(body))
    assert list(problems(package, tmp_path / "package")) == []
    assert list(advice(package)) == []


def test_whoever_makes_it_again_makes_the_same_package(tmp_path: Path) -> None:
    client = deployment(tmp_path / "at")
    first, other = made(client, tmp_path / "one"), made(client, tmp_path / "other")
    assert first == other
    assert content(tmp_path / "one") == content(tmp_path / "other")


def test_what_was_begun_is_finished_without_fetching_anything_twice(tmp_path: Path) -> None:
    client, directory = deployment(tmp_path / "at"), tmp_path / "package"
    whole = made(client, directory)
    begun = json.loads((directory / LEDGER).read_bytes()) | {"members": []}
    (directory / LEDGER).write_text(json.dumps(begun))
    (directory / "data" / "b.tif").unlink()
    fetched = cast(Deployment, client).downloads
    assert made(client, directory) == whole
    assert cast(Deployment, client).downloads == fetched + 1
    assert made(client, directory) == whole == read_ledger(directory)
    assert cast(Deployment, client).downloads == fetched + 1


def test_a_result_that_was_changed_since_is_not_published(tmp_path: Path) -> None:
    client = deployment(tmp_path / "at", outputs=OUTPUTS | {"b.tif": b"tof"})
    with pytest.raises(InvalidRequestError, match=r"b.tif is not what run .* made"):
        made(client, tmp_path / "package")


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({key: value for key, value in META.items() if key != "metadata"}, "has no `metadata`"),
        (META | {"output": {}}, "has no `output.license`"),
        (
            META | {"metadata": METADATA | {"creators": [{"family_name": "L"}]}},
            "names nobody with an ORCID iD",
        ),
    ],
)
def test_what_a_package_must_have_is_asked_for_and_may_come_later(
    tmp_path: Path, meta: dict[str, Any], message: str
) -> None:
    client = deployment(tmp_path / "at", meta=meta)
    with pytest.raises(InvalidRequestError, match=message):
        made(client, tmp_path / "package")
    (tmp_path / "meta.yml").write_text(json.dumps(META))
    assert made(client, tmp_path / "package", tmp_path / "meta.yml").members


def test_a_file_of_metadata_is_read_as_meta_yml_is(tmp_path: Path) -> None:
    (tmp_path / "meta.yml").write_text(json.dumps(META | {"metadata": METADATA | {"title": ""}}))
    with pytest.raises(InvalidRecipeError, match=r"meta.yml: metadata.title: '' is empty"):
        made(deployment(tmp_path / "at"), tmp_path / "package", tmp_path / "meta.yml")


def test_only_runs_that_succeeded_are_published(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="did not succeed"):
        made(deployment(tmp_path / "at", status="Failed", message="no"), tmp_path / "package")


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    client = deployment(tmp_path / "at")
    plant(tmp_path / "other", {"thesis.txt": b"1"})
    with pytest.raises(InvalidRequestError, match="is no package"):
        made(client, tmp_path / "other")
    made(client, tmp_path / "package")
    with pytest.raises(InvalidRequestError, match=r"is the package of run"):
        make_package(client, "another", tmp_path / "package", metadata=None)


def test_files_without_bytes_are_told_of(tmp_path: Path) -> None:
    package = made(deployment(tmp_path / "at", outputs=OUTPUTS | {"empty": b""}), tmp_path / "package")
    [line] = advice(package)
    assert "empty is empty" in line
