"""Results that a run itself sends to a member node: once, by a token that nobody else sees."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from ogdc_shared import layout
from ogdc_shared.dataone.words import RecipeNote, Words
from ogdc_shared.digests import digest
from ogdc_shared.errors import IntegrityError, PublishError, SourceUnavailableError
from ogdc_shared.publication import sending
from ogdc_shared.published_package import read_package
from ogdc_shared.storage.files import replacing
from ogdc_worker.publish.publication import Publication
from ogdc_worker.publish.result import publish
from ogdc_worker.report import Reporter
from support.crates import RUN, facts_document
from support.publications import ORCID, data_set
from support.publishing_node import Fault, PublishingNode, make_public
from support.trees import plant, tree

ADA = f"http://orcid.org/{ORCID}"
MADE: dict[str, bytes | str | None] = {"b.tif": b"tif", "d": None, "d/ü.csv": b"1\n"}


@pytest.fixture
def node() -> Iterator[PublishingNode]:
    with PublishingNode() as running:
        yield running


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_WAITS", (0.0,) * 4)


Run = Callable[..., Publication]


@pytest.fixture
def run(node: PublishingNode, tmp_path: Path) -> Run:
    """Makes a run whose task has left what it made; of a name it is another of the same recipe."""

    def make(
        name: str = RUN.name,
        *,
        made: dict[str, bytes | str | None] = MADE,
        access: str = "public",
        point: list[int] | None = None,
    ) -> Publication:
        directory = tmp_path / name
        directory.mkdir()
        words = Words(
            RecipeNote("seal-tags", "Seal tags", "recipe.sh", ("cp a b",)),
            data_set(access=access).metadata,
            "CC-BY-4.0",
        ).to_json()
        plant(
            directory,
            {
                "recipe/recipe.sh": b"cp a b # https://x:secret@example.org/\n",
                "data-set.json": words.encode(),
                "token/token": node.token(ADA).encode() + b"\n",
            },
        )
        number = f"{len(list(tmp_path.iterdir())):012}"
        described = RUN._replace(name=name, run_id=f"{RUN.run_id[:24]}{number}", recipe_is_public=False)
        (directory / "run.json").write_text(described.to_json())
        (tmp_path / "volume").mkdir(exist_ok=True)
        workspace = tmp_path / "volume" / layout.partition_workspace(name, 0)
        plant(workspace / "output_dir", made)
        wrote = [
            {"name": path, "size": len(body), "checksum": f"sha256:{digest(body)}"}
            for path, body in made.items()
            if isinstance(body, bytes)
        ]
        geometry = {"type": "Point", "coordinates": point}
        described = [{"name": "b.tif", "geometry": geometry}] if point else []
        (workspace / layout.FACTS).write_text(facts_document(wrote=wrote, described=described))
        return Publication(
            run=name,
            recipe_id="seal-tags",
            partitions=1,
            output="dataone",
            volume=str(tmp_path / "volume"),
            warnings_path=str(directory / "warnings"),
            description=str(directory / "run.json"),
            recipe=str(directory / "recipe"),
            node=node.url,
            data_set=digest(words.encode()),
            data_set_path=str(directory / "data-set.json"),
            token=str(directory / "token"),
            package_path=str(directory / "package"),
        )

    return make


def token(publication: Publication, text: str | None) -> None:
    """Put another token in the place of the deployment's, as kubelet does: at once; None: none."""
    file = Path(publication.token, layout.NODE_TOKEN)
    if text is None:
        file.unlink()
    else:
        with replacing(file) as made:
            made.write(text.encode())


def assert_published(node: PublishingNode, publication: Publication, *, objects: int = 6) -> None:
    """Make sure that volume and node have it, whole, and that nothing else is left."""
    volume = Path(publication.volume)
    assert {name: value for name, value in tree(volume / "seal-tags").items() if name[0] != "."} == MADE
    assert not list((volume / layout.PACKAGES).iterdir())
    package = read_package(Path(publication.package_path).read_text())
    assert package is not None
    assert package.url == f"{node.url}/v2/object/{package.identifier.replace(':', '%3A')}"
    assert node.objects[package.identifier].series == package.series
    assert len(node.objects) == objects
    contents = [each.content for each in node.objects.values()]
    assert all(body in contents for body in MADE.values() if isinstance(body, bytes))
    assert node.members(f"resource_map_{package.identifier}") <= {*node.objects}


def test_a_result_is_published_and_sent_by_the_run(node: PublishingNode, run: Run) -> None:
    publication = run()
    publish(publication, Reporter())
    assert_published(node, publication)
    [program] = [each.content for each in node.objects.values() if b"cp a b #" in each.content]
    assert b"secret" not in program
    sent = len(node.sent())
    publish(publication, Reporter())  # the task's end was lost
    assert len(node.sent()) == sent == 6
    assert_published(node, publication)


@pytest.mark.parametrize(
    ("is_known", "expires_in", "state"),
    [(True, None, "token_missing"), (True, -600, "token_expired"), (False, 600, "token_refused")],
)
def test_without_a_good_token_it_stops_by_name_and_goes_on_with_one(
    node: PublishingNode, run: Run, is_known: bool, expires_in: int | None, state: str
) -> None:
    publication, good = run(), node.token(ADA)
    bad = node.token(ADA, expires_at=time.time() + (expires_in or 0), is_known=is_known)
    token(publication, None if expires_in is None else bad)
    with pytest.raises(PublishError, match=rf"\({state}\).*ogdc-runner retry {publication.run}") as failed:
        publish(publication, Reporter())
    assert bad not in str(failed.value)
    assert (Path(publication.volume) / "seal-tags/b.tif").read_bytes() == b"tif"
    assert not node.objects
    token(publication, good)
    publish(publication, Reporter())
    assert_published(node, publication)


def test_an_expired_token_loses_no_uploaded_objects(node: PublishingNode, run: Run) -> None:
    publication, good, over = run(), node.token(ADA), node.token(ADA, expires_at=1.0)

    def end(_number: int) -> None:
        if len(node.objects) >= 3:
            token(publication, over)

    node.on_request = end
    with pytest.raises(PublishError, match="token_expired"):
        publish(publication, Reporter())
    assert 3 <= len(node.objects) < 6
    node.on_request = lambda _number: None
    token(publication, good)
    publish(publication, Reporter())
    assert_published(node, publication)
    assert len(node.sent()) == 6


@pytest.mark.slow
@pytest.mark.parametrize("is_done", [False, True])
def test_killed_at_any_request_it_goes_on(node: PublishingNode, run: Run, is_done: bool) -> None:
    last = 0
    while True:
        last += 1
        node.objects.clear()
        node.asked.clear()
        publication = run(f"seal-tags-{last}")._replace(overwrite=True)
        was_killed = node.killed_at(last, partial(publish, publication, Reporter()), is_done=is_done)
        publish(publication, Reporter())
        assert_published(node, publication)
        if not was_killed:
            break
    assert last > 3 * 6


def test_an_incomplete_result_is_not_sent(node: PublishingNode, run: Run) -> None:
    publication = run()
    token(publication, None)
    with pytest.raises(PublishError, match="token_missing"):
        publish(publication, Reporter())
    token(publication, node.token(ADA))
    Path(publication.volume, "seal-tags", "b.tif").unlink()
    with pytest.raises(
        PublishError, match=r"\(package_refused\): The result of run .* no longer contains 'b\.tif'"
    ):
        publish(publication, Reporter())
    assert not node.objects


def test_killed_while_the_package_is_removed_it_goes_on(
    node: PublishingNode, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = run()

    def stop_half_way(directory: str) -> None:
        metadata = Path(directory, "metadata.xml")
        if metadata.exists():
            metadata.unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("ogdc_worker.publish.node.remove", stop_half_way)
        with pytest.raises(KeyboardInterrupt):
            publish(publication, Reporter())
    sent = len(node.sent())
    publish(publication, Reporter())
    assert_published(node, publication)
    assert len(node.sent()) == sent


def test_a_later_run_is_a_new_version_where_it_may_overwrite(node: PublishingNode, run: Run) -> None:
    first = run()
    publish(first, Reporter())
    old = read_package(Path(first.package_path).read_text())
    second = run("seal-tags-def", made=MADE | {"b.tif": b"another"})._replace(overwrite=True)
    publish(second, Reporter())
    new = read_package(Path(second.package_path).read_text())
    assert old is not None
    assert new is not None
    assert (new.series, node.objects[old.identifier].obsoleted_by) == (old.series, new.identifier)
    changed = {"b.tif", "provenance.zip", "metadata.xml", "resource-map.xml"}
    assert {each.described.findtext("fileName") for each in [*node.objects.values()][6:]} == changed


def test_a_later_run_that_made_the_same_is_the_version_that_is_there(node: PublishingNode, run: Run) -> None:
    first, second = run(), run("seal-tags-def")._replace(overwrite=True)
    publish(first, Reporter())
    sent = len(node.sent())
    publish(second, Reporter())
    assert len(node.sent()) == sent
    assert_published(node, second)
    assert Path(second.package_path).read_text() == Path(first.package_path).read_text()


def test_a_private_recipe_whose_version_is_public_by_now_is_warned_of(node: PublishingNode, run: Run) -> None:
    kinds = []
    for name in ("seal-tags-abc", "seal-tags-def", "seal-tags-ghi"):
        reporter = Reporter()
        publish(run(name, access="private")._replace(overwrite=True), reporter)
        kinds.append([each.kind for each in reporter.warnings.first] if reporter.warnings else [])
        if name == "seal-tags-def":
            for each in node.objects.values():
                make_public(each)
    assert kinds == [[], [], ["public_at_node"]]
    assert len(node.sent()) == 6


def test_a_result_outside_the_coverage_of_the_recipe_is_warned_of(node: PublishingNode, run: Run) -> None:
    reporter = Reporter()
    publish(run(point=[10, 60]), reporter)
    assert reporter.warnings is not None
    [warning] = reporter.warnings.first
    assert warning.kind == "outside_coverage"
    assert "does not contain b.tif (west 10.00, south 60.00, east 10.00, north 60.00)" in warning.message
    assert node.sent()


def test_what_was_published_elsewhere_before_is_told_of(node: PublishingNode, run: Run) -> None:
    publish(run(), Reporter())
    removed = run("seal-tags-def", made=MADE | {"b.tif": b"another"})
    Path(removed.volume, "seal-tags").rename(Path(removed.volume, "moved"))
    with pytest.raises(PublishError, match=r"\(published_before\).*--overwrite"):
        publish(removed, Reporter())


def test_a_node_that_is_away_is_asked_again_later(node: PublishingNode, run: Run) -> None:
    node.on_request = lambda _number: Fault.BUSY
    publication = run()
    with pytest.raises(SourceUnavailableError, match=r"\(node_unavailable\)"):
        publish(publication, Reporter())
    node.on_request = lambda _number: None
    publish(publication, Reporter())
    assert_published(node, publication)


def test_links_to_the_token_are_not_published(node: PublishingNode, run: Run) -> None:
    """Neither a recipe's file nor an output that is a link becomes an object; nor a crate of a command's."""
    linked = run()
    file = Path(linked.recipe, "recipe.sh")
    file.unlink()
    file.symlink_to(Path(linked.token, "token"))
    with pytest.raises(FileNotFoundError, match=r"no file 'recipe\.sh'"):
        publish(linked, Reporter())
    inside = run("seal-tags-def", made=MADE | {"c.tif": "b.tif"})._replace(overwrite=True)
    with pytest.raises(PublishError, match=r"\(package_refused\).*'c\.tif' is a link"):
        publish(inside, Reporter())
    crate = (Path(linked.volume) / "seal-tags/.provenance/ro-crate-metadata.json").read_bytes()
    files = (Path(linked.volume) / "seal-tags/.provenance/files.csv").read_bytes()
    own = {".provenance": None, ".provenance/ro-crate-metadata.json": crate, ".provenance/files.csv": files}
    forged = run("seal-tags-ghi", made=MADE | own)._replace(overwrite=True)
    with pytest.raises(PublishError, match=r"\.provenance in the result describes run .*, not seal-tags-ghi"):
        publish(forged, Reporter())
    assert not node.objects


def test_a_changed_description_of_the_result_is_rejected(node: PublishingNode, run: Run) -> None:
    publication = run()
    words = json.loads(Path(publication.data_set_path).read_text())
    Path(publication.data_set_path).write_text(json.dumps(words | {"license": "CC0-1.0"}))
    with pytest.raises(
        IntegrityError,
        match=r"are not what was submitted \(their digest is [0-9a-f]{16} instead of [0-9a-f]{16}\)",
    ):
        publish(publication, Reporter())
    assert not node.objects


def test_sending_takes_no_package_that_the_image_lacks() -> None:
    program = (
        "import sys; before = set(sys.modules); import ogdc_worker.publish.node;"
        "print({name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == {"ogdc_worker", "ogdc_shared"}
