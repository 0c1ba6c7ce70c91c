"""Publishing at a node: one package whatever happens on the way, and in nobody else's name."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import urllib3

from ogdc_cli.api import ApiClient
from ogdc_cli.publication.publishing import Wanted, publish
from ogdc_cli.publication.run_result import RunResult
from ogdc_shared.dataone.member import OUTPUT
from ogdc_shared.dataone.node import Node
from ogdc_shared.dataone.token import Token
from ogdc_shared.errors import (
    ConflictError,
    ForbiddenError,
    InputNotFoundError,
    InvalidRequestError,
    OgdcError,
    SourceUnavailableError,
    UnauthenticatedError,
    UnsupportedError,
)
from ogdc_shared.inputs.dataone import resolve_dataset
from ogdc_shared.plan import Checksum
from ogdc_shared.publication import sending
from ogdc_shared.publication.making import make_package
from ogdc_shared.publication.node_access import connections
from ogdc_shared.publication.package import Package
from ogdc_shared.publication.sending import Sent
from support.crates import RUN
from support.http import Answer, FileServer
from support.publications import METADATA, ORCID, member
from support.published_runs import META, OUTPUTS, deployment
from support.publishing_node import NEVER, Fault, PublishingNode, make_public

ADA = f"http://orcid.org/{ORCID}"
FAULTS = [*Fault]
FEW_AND_MANY = pytest.mark.parametrize("many", [sending._WORTH_LISTING, 1])
"""From how many objects on they are sent as many are."""


@pytest.fixture
def node() -> Iterator[PublishingNode]:
    with PublishingNode() as running:
        yield running


@pytest.fixture
def token(node: PublishingNode, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a token the user's; Ada's is from the start. Nobody waits between tries."""

    def use(text: str) -> None:
        monkeypatch.setenv("DATAONE_TOKEN", text)

    monkeypatch.setattr(sending, "_WAITS", (0.0,) * 4)
    use(node.token(ADA))
    return use


def published(client: ApiClient, node: PublishingNode, directory: Path, **wanted: Any) -> Package:
    package = publish(
        client,
        Wanted(RUN.name, node.url, directory, **wanted),
        agree=lambda _package: True,
        on_sent=lambda _sent: None,
    )
    assert package is not None
    return package


def assert_one_package(node: PublishingNode, package: Package) -> None:
    """Make sure that the node has this package, whole, and nothing besides."""
    assert set(node.objects) == {member.pid for member in package.members}
    *others, resource_map = (member.pid for member in package.members)
    assert list(node.objects)[-2:] == [package.metadata_id, resource_map]
    assert node.members(resource_map) == {*others}


@pytest.mark.usefixtures("token")
def test_a_package_is_sent_once_in_order_and_verified(node: PublishingNode, tmp_path: Path) -> None:
    client = deployment(tmp_path / "at")
    package = published(client, node, tmp_path / "package")
    assert_one_package(node, package)
    for each in package.members:
        stored = node.objects[each.pid]
        assert stored.content == (tmp_path / "package" / each.file).read_bytes()
        assert stored.described.findtext("fileName") == each.path
        assert stored.may("public", "read")
    assert node.objects[package.metadata_id].series == package.series
    sent = len(node.sent())
    assert published(client, node, tmp_path / "package") == package
    assert published(client, node, tmp_path / "elsewhere") == package
    assert len(node.sent()) == sent == len(package.members)


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("lists", [True, False])
def test_many_objects_are_verified_by_a_list_where_there_is_one(
    node: PublishingNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lists: bool
) -> None:
    """What the list lacks is asked for, and so is everything if the node lists nothing.

    Before they are sent, only the first is asked for: the publisher who created it knows that nobody has sent
    the others.
    """
    monkeypatch.setattr(sending, "_LIST_SECONDS", 600)  # one list, however slow the machine
    files = {f"{number}.csv": b"%d\n" % number for number in range(8)}
    client = deployment(tmp_path / "at", made=files, outputs=files)
    made = make_package(RunResult(client, RUN.name), tmp_path / "package")
    first, lacking, *others = (member.pid for member in made.members[:-2])
    node.lists = lists
    node.unlisted.add(lacking)
    sent: list[Sent] = []
    wanted = Wanted(RUN.name, node.url, tmp_path / "package")
    package = publish(client, wanted, agree=lambda _package: True, on_sent=sent.append)
    assert package == made
    assert_one_package(node, package)
    assert {each.member for each in sent} == {*package.members}
    assert all(each.is_new for each in sent)
    heads = Counter(asked.path.rpartition("/")[2] for asked in node.asked if asked.method == "HEAD")
    expected = dict.fromkeys((first, *(each.pid for each in made.members[-2:])), 2)
    expected |= dict.fromkeys((lacking,) if lists else (lacking, *others), 1)
    assert {unquote(pid): count for pid, count in heads.items()} == expected


@pytest.mark.slow
@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("is_metacat", [False, True])
@FEW_AND_MANY
def test_publishing_survives_a_failure_of_each_request(
    node: PublishingNode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    is_metacat: bool,
    many: int,
) -> None:
    """A good answer that is lost is found again; what a node answers a repeated creation is not relied on."""
    monkeypatch.setattr(sending, "_WORTH_LISTING", many)
    node.is_metacat = is_metacat
    seen = set()

    def first_of_its_kind(number: int) -> Fault | None:
        asked = node.asked[number - 1]
        key = asked.method, asked.path, asked.fields.get("pid")
        is_new = key not in seen
        seen.add(key)
        return fault if is_new else None

    node.on_request = first_of_its_kind
    client = deployment(tmp_path / "at")
    while True:
        try:
            package = published(client, node, tmp_path / "package")
        except SourceUnavailableError:  # of the first questions, which are not repeated
            continue
        break
    assert_one_package(node, package)


@pytest.mark.slow
@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("is_done", [False, True])
@FEW_AND_MANY
def test_killed_at_any_request_it_goes_on(
    node: PublishingNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_done: bool, many: int
) -> None:
    """Whether the request was carried out when the power went, and whether the directory is left."""
    monkeypatch.setattr(sending, "_WORTH_LISTING", many)
    one = {"b.tif": OUTPUTS["b.tif"]}
    client = deployment(tmp_path / "at", outputs=one, made=one)
    for last in range(1, 100):
        node.objects.clear()
        node.asked.clear()
        directory = tmp_path / f"package-{last}"
        publishing = partial(published, client, node, directory, parallel=1)
        was_killed = node.killed_at(last, publishing, is_done=is_done)
        is_left = last % 3
        assert_one_package(
            node, published(client, node, directory if is_left else tmp_path / f"other-{last}")
        )
        if not was_killed:
            break
    assert last > (3 if many > 3 else 2) * len(node.objects)


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("named", ["map", "metadata", "series", "file"])
def test_a_published_package_can_be_an_input(node: PublishingNode, tmp_path: Path, named: str) -> None:
    """Of a node without a search index; an identifier names the whole package, or one file."""
    package = published(deployment(tmp_path / "at"), node, tmp_path / "package")
    *data, metadata, resource_map = package.members
    pids = {"map": resource_map.pid, "metadata": metadata.pid, "series": package.series, "file": data[0].pid}
    with urllib3.PoolManager(retries=False) as http:
        found = list(resolve_dataset(node.url, pids[named], filename=None, http=http))
        with pytest.raises(InputNotFoundError, match="knows no data files"):
            list(resolve_dataset(node.url, "urn:uuid:none", filename=None, http=http))
    wanted = {(f"{file.directory or ''}/{file.name}", file.size, file.checksum) for file in found}
    assert wanted == {
        (f"/{each.path}" if "/" not in each.path else each.path, each.size, Checksum("sha256", each.sha256))
        for each in (data[:1] if named == "file" else data)
    }


def test_empty_files_are_rejected_before_sending_if_the_node_rejects_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = OUTPUTS | {"empty.csv": b""}
    for base, is_refused in (("/metacat/d1/mn", True), ("/mn", False)):
        directory = tmp_path / f"{is_refused}"
        directory.mkdir()
        client = deployment(directory / "at", outputs=files, made=files)
        with PublishingNode(base) as node:
            monkeypatch.setenv("DATAONE_TOKEN", node.token(ADA))
            if is_refused:
                with pytest.raises(InvalidRequestError, match=r"empty\.csv'? is empty.*Nothing was sent"):
                    published(client, node, directory / "package")
                assert not node.sent()
            else:
                assert_one_package(node, published(client, node, directory / "package"))


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_objects_missing_in_the_index_are_read_anyway(node: PublishingNode, tmp_path: Path) -> None:
    """Not the version before, which a lagging index would take for the newest of its series."""
    old = published(deployment(tmp_path / "a"), node, tmp_path / "old")
    run_id = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    changed = OUTPUTS | {"b.tif": b"another"}
    client = deployment(tmp_path / "b", outputs=changed, made=changed, run_id=run_id)
    new = published(client, node, tmp_path / "new", overwrite=True)
    record = {"id": old.metadata_id, "seriesId": old.series, "formatType": "METADATA"}
    lagging = [record | {"resourceMap": [old.members[-1].pid]}]
    wanted = {new.series: b"another", new.metadata_id: b"another", old.metadata_id: b"tif"}
    with urllib3.PoolManager(retries=False) as http:
        for index, named in (([], wanted), (lagging, {new.series: b"another"})):
            node.index = index
            for identifier, content in named.items():
                [found] = resolve_dataset(node.url, identifier, filename="b.tif", http=http)
                assert found.checksum == Checksum("sha256", sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("subject", "claims", "error", "message"),
    [
        (ADA, {"expires_at": 1_000_000_000.0}, UnauthenticatedError, f"token of {ADA} .* expired"),
        (
            ADA,
            {"is_known": False},
            ForbiddenError,
            f"belongs to another network, or it does not let {ADA} do that",
        ),
    ],
)
def test_expired_and_forged_tokens_are_rejected(
    node: PublishingNode,
    tmp_path: Path,
    token: Callable[[str], None],
    subject: str,
    claims: Any,
    error: type[OgdcError],
    message: str,
) -> None:
    token(node.token(subject, **claims))
    with pytest.raises(error, match=message):
        published(deployment(tmp_path / "at"), node, tmp_path / "package")
    assert node.objects == {}


def test_without_a_token_it_is_told_where_to_put_one(
    node: PublishingNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    client = deployment(tmp_path / "at")
    with pytest.raises(UnauthenticatedError, match=r"Copy yours .* as a line `127.0.0.1 TOKEN`"):
        published(client, node, tmp_path / "package")
    tokens = tmp_path / "ogdc-runner" / "tokens"
    tokens.parent.mkdir()
    tokens.write_text(f"127.0.0.1 {node.token(ADA)}\n")
    tokens.chmod(0o644)
    with pytest.raises(UnauthenticatedError, match="others may read it"):
        published(client, node, tmp_path / "package")
    tokens.chmod(0o600)
    assert_one_package(node, published(client, node, tmp_path / "package"))
    assert node.token(ADA) not in "".join(
        path.read_text(errors="replace") for path in tmp_path.rglob("package/**/*") if path.is_file()
    )


def test_an_expired_token_is_replaced_without_sending_anything_twice(
    node: PublishingNode, tmp_path: Path, token: Callable[[str], None]
) -> None:
    client = deployment(tmp_path / "at")

    def expire(_number: int) -> None:
        if len(node.objects) == 2:
            token(node.token(ADA, expires_at=1.0))

    node.on_request = expire
    with pytest.raises(UnauthenticatedError, match="What was sent is kept"):
        published(client, node, tmp_path / "package", parallel=1)
    assert len(node.objects) == 2
    node.on_request = lambda _number: None
    token(node.token(ADA))
    package = published(client, node, tmp_path / "package")
    assert_one_package(node, package)
    assert len(node.sent()) == len(package.members)


def test_a_submitter_can_read_and_change_a_package_with_another_owner(
    node: PublishingNode, tmp_path: Path, token: Callable[[str], None]
) -> None:
    robot = "CN=robot,DC=dataone,DC=org"
    token(node.token(robot))
    private = META | {"metadata": METADATA | {"access": "private"}}
    package = published(deployment(tmp_path / "at", meta=private), node, tmp_path / "package")
    assert_one_package(node, package)
    for stored in node.objects.values():
        allowed = {
            subject: stored.may(subject, "write") for subject in (robot, ADA, "http://orcid.org/0", "public")
        }
        assert allowed == {robot: True, ADA: True, "http://orcid.org/0": False, "public": False}
        assert not stored.may("public", "read")


def test_another_users_private_package_is_not_published_again(
    node: PublishingNode, tmp_path: Path, token: Callable[[str], None]
) -> None:
    private = META | {"metadata": METADATA | {"access": "private"}}
    client = deployment(tmp_path / "at", meta=private)
    published(client, node, tmp_path / "package")
    token(node.token("http://orcid.org/0000-0001-2345-6789"))
    with pytest.raises(ForbiddenError, match=r"does not let http://orcid\.org/0000-0001-2345-6789 do that"):
        published(client, node, tmp_path / "elsewhere")


@pytest.mark.usefixtures("token")
def test_a_token_is_not_sent_to_redirects(tmp_path: Path) -> None:
    with FileServer(tmp_path) as other, FileServer(tmp_path) as first:
        leads = {"Location": f"{other.url}/mn/v2/meta/x"}
        first.routes = _Everywhere(Answer(302, headers=leads))  # type: ignore[assignment]
        with pytest.raises(
            InvalidRequestError, match="It redirects, and the token is not sent to another address"
        ):
            publish(
                deployment(tmp_path / "at"),
                Wanted(RUN.name, f"{first.url}/mn", tmp_path / "package"),
                agree=lambda _package: True,
                on_sent=lambda _sent: None,
            )
        assert other.requests == []


class _Everywhere:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def get(self, _path: str) -> Any:
        return lambda _request: self._answer


@pytest.mark.usefixtures("token")
def test_a_file_changed_during_the_upload_is_not_stored(node: PublishingNode, tmp_path: Path) -> None:
    client, directory = deployment(tmp_path / "at"), tmp_path / "package"
    package = published(client, node, directory)
    node.objects.clear()
    for content in (b"tof", b"", b"tif and more"):
        (directory / "data" / "b.tif").write_bytes(content)
        message = r"b.tif was changed after the package was made: it should have 3 bytes and the SHA-256 "
        with pytest.raises(InvalidRequestError, match=message + sha256(b"tif").hexdigest()):
            published(client, node, directory)
        assert package.members[0].pid not in node.objects


def test_an_interruption_does_not_wait_for_current_uploads(node: PublishingNode, tmp_path: Path) -> None:
    token = Token(node.token(ADA), ADA, NEVER)
    (tmp_path / "a.csv").write_bytes(b"abc")
    with connections(node.url, most=1) as http:
        there = Node(node.url, token=lambda: token, http=http)
        there.stop()
        made = member(OUTPUT, "a.csv", sha256=sha256(b"abc").hexdigest())
        with pytest.raises(KeyboardInterrupt):
            there.create(made, system_metadata=b"<a/>", file=tmp_path / "a.csv")
    assert node.objects == {}


@pytest.mark.usefixtures("token")
def test_an_identifier_used_by_somebody_else_is_reported(node: PublishingNode, tmp_path: Path) -> None:
    client = deployment(tmp_path / "at")
    first = published(client, node, tmp_path / "package").members[0]
    node.objects[first.pid].content = b"another"
    with pytest.raises(
        InvalidRequestError, match=f"a different object with the identifier {first.pid} of b.tif"
    ):
        published(client, node, tmp_path / "package")


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("is_metacat", [False, True])
@FEW_AND_MANY
def test_concurrent_publications_of_a_run_create_one_package(
    node: PublishingNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_metacat: bool, many: int
) -> None:
    """Of many objects, the first learns of the second from the answer to one request, and then looks."""
    monkeypatch.setattr(sending, "_WORTH_LISTING", many)
    node.is_metacat = is_metacat
    client = deployment(tmp_path / "at")
    other: list[Package] = []

    def meanwhile(number: int) -> None:
        if number == 5:
            node.on_request = lambda _number: None
            other.append(published(client, node, tmp_path / "other"))

    node.on_request = meanwhile
    package = published(client, node, tmp_path / "package", parallel=1)
    assert other == [package]
    assert_one_package(node, package)
    assert len(node.sent()) - len(package.members) <= 1, "at most one is sent twice"


@pytest.mark.usefixtures("token")
def test_a_directory_is_published_by_one_at_a_time(node: PublishingNode, tmp_path: Path) -> None:
    client, problems = deployment(tmp_path / "at"), []

    def meanwhile(number: int) -> None:
        if number == 3:
            with pytest.raises(ConflictError) as raised:
                published(client, node, tmp_path / "package")
            problems.append(str(raised.value))

    node.on_request = meanwhile
    assert_one_package(node, published(client, node, tmp_path / "package", parallel=1))
    assert "Another process is publishing" in problems[0]


def test_publishing_permanently_requires_a_confirmation(tmp_path: Path) -> None:
    wanted = Wanted(RUN.name, "https://arcticdata.io/metacat/d1/mn", tmp_path / "package")
    with pytest.raises(InvalidRequestError, match=r"there is no terminal to ask .* use --yes"):
        publish(deployment(tmp_path / "at"), wanted, agree=lambda _package: True, on_sent=lambda _sent: None)
    assert not (tmp_path / "package").exists()


def rerun(tmp_path: Path, name: str, changed: dict[str, bytes], **others: Any) -> ApiClient:
    """The deployment after another run of the same recipe, which made some files anew."""
    outputs = {key: value for key, value in (OUTPUTS | changed).items() if value != b"gone"}
    run_id = {
        "second": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "third": "16fd2706-8baf-433b-82eb-8c7fada847da",
    }
    return deployment(tmp_path / name, outputs=outputs, made=outputs, run_id=run_id[name], **others)


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_a_new_version_has_new_files_and_keeps_those_that_did_not_change(
    node: PublishingNode, tmp_path: Path
) -> None:
    first = published(deployment(tmp_path / "at"), node, tmp_path / "one")
    changed = {"d/ü.csv": b"2\n", "new.tif": b"new"}
    client, before = rerun(tmp_path, "second", changed), len(node.sent())
    with pytest.raises(ConflictError, match=rf"before, as {first.metadata_id}\. --overwrite publishes"):
        published(client, node, tmp_path / "two")
    assert len(node.sent()) == before
    second = published(client, node, tmp_path / "two", overwrite=True)
    old, new = ({each.path: each.pid for each in package.members} for package in (first, second))
    kept = {path for path in new if old.get(path) == new[path]}
    assert kept == {"b.tif", "recipe/recipe.sh"}
    assert len(node.sent()) - before == len(second.members) - len(kept)
    for path in ("d/ü.csv", "metadata.xml", "resource-map.xml"):
        assert node.objects[new[path]].obsoletes == old[path]
    assert node.objects[new["new.tif"]].obsoletes is None
    assert (second.series, second.obsoletes) == (first.series, first.metadata_id)
    assert node.members(new["resource-map.xml"]) == {*new.values()} - {new["resource-map.xml"]}
    for again in ("two", "elsewhere"):
        assert published(client, node, tmp_path / again) == second
    assert set(node.objects) == {*old.values(), *new.values()}


def test_another_users_data_set_gets_no_new_version_and_no_orphans(
    node: PublishingNode, tmp_path: Path, token: Callable[[str], None]
) -> None:
    published(deployment(tmp_path / "at"), node, tmp_path / "one")
    before = set(node.objects)
    token(node.token("CN=robot"))
    client = rerun(tmp_path, "second", {"new.tif": b"new"})
    with pytest.raises(ForbiddenError, match="does not let CN=robot do that"):
        published(client, node, tmp_path / "two", overwrite=True)
    assert set(node.objects) == before


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_changed_metadata_of_a_run_are_a_new_metadata_version(node: PublishingNode, tmp_path: Path) -> None:
    client, meta = deployment(tmp_path / "at"), tmp_path / "meta.yml"
    first = published(client, node, tmp_path / "package")
    for title in ("Better", "Best", METADATA["title"]):
        before = len(node.sent())
        meta.write_text(json.dumps(META | {"metadata": METADATA | {"title": title}}))
        with pytest.raises(ConflictError, match="--overwrite"):
            published(client, node, tmp_path / "package", metadata=meta)
        package = published(client, node, tmp_path / "package", metadata=meta, overwrite=True)
        assert len(node.sent()) == before + 2
        assert package.members[:-2] == first.members[:-2]
        assert title in node.objects[package.metadata_id].content.decode().replace("&amp;", "&").replace(
            "&lt;", "<"
        ).replace("&gt;", ">")
        assert published(client, node, tmp_path / "elsewhere" / title, metadata=meta) == package


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_private_objects_are_sent_again_when_they_become_public(node: PublishingNode, tmp_path: Path) -> None:
    private = META | {"metadata": METADATA | {"access": "private"}}
    client, meta = deployment(tmp_path / "at", meta=private), tmp_path / "meta.yml"
    published(client, node, tmp_path / "package")
    meta.write_text(json.dumps(META))
    package = published(client, node, tmp_path / "package", metadata=meta, overwrite=True)
    assert all(node.objects[each.pid].may("public", "read") for each in package.members)


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_a_new_version_survives_a_loss_of_each_request(node: PublishingNode, tmp_path: Path) -> None:
    first = published(deployment(tmp_path / "at"), node, tmp_path / "one")
    client = rerun(tmp_path, "second", {"d/ü.csv": b"2\n", "new.tif": b"new"})
    started = set(node.objects)
    seen = set()

    def lose_the_first(number: int) -> Fault | None:
        asked = node.asked[number - 1]
        key = asked.method, asked.path, asked.fields.get("pid")
        is_new = key not in seen
        seen.add(key)
        return Fault.LOST_ANSWER if is_new else None

    node.on_request = lose_the_first
    for attempt in range(40):
        directory = tmp_path / f"two-{attempt}"  # each time without what the one before had written down
        try:
            second = published(client, node, directory, overwrite=True)
        except SourceUnavailableError:
            continue
        break
    assert set(node.objects) - started == {each.pid for each in second.members} - started
    assert node.objects[second.metadata_id].obsoletes == first.metadata_id


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_one_of_two_concurrent_new_versions_conflicts(node: PublishingNode, tmp_path: Path) -> None:
    first = published(deployment(tmp_path / "at"), node, tmp_path / "one")
    clients = {name: rerun(tmp_path, name, {"d/ü.csv": name.encode()}) for name in ("second", "third")}
    other: list[Package] = []

    def meanwhile(number: int) -> None:
        if node.asked[number - 1].method == "PUT":
            node.on_request = lambda _number: None
            other.append(published(clients["third"], node, tmp_path / "three", overwrite=True))

    node.on_request = meanwhile
    with pytest.raises(ConflictError, match=r"was published meanwhile, and is newer than"):
        published(clients["second"], node, tmp_path / "two", overwrite=True, parallel=1)
    assert node.objects[first.metadata_id].obsoleted_by == other[0].metadata_id
    last = published(clients["second"], node, tmp_path / "two", overwrite=True)
    assert last.obsoletes == other[0].metadata_id
    assert {asked.pid for asked in last.members if asked.role == OUTPUT} <= set(node.objects)


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_a_rerun_without_changes_is_the_existing_version(node: PublishingNode, tmp_path: Path) -> None:
    """Nothing is sent, and nothing is written down that a later call would take for a version to send."""
    first = published(deployment(tmp_path / "at"), node, tmp_path / "one")
    otherwise = META | {"workflow": {"type": "shell", "reuse": False}}
    client, sent = rerun(tmp_path, "second", {}, meta=otherwise), len(node.sent())
    for directory, overwrite in (("two", True), ("two", False), ("elsewhere", True)):
        package = published(client, node, tmp_path / directory, overwrite=overwrite)
        assert (package.is_old, package.metadata_id, package.series) == (
            True,
            first.metadata_id,
            first.series,
        )
    assert len(node.sent()) == sent
    del node.objects[first.members[-1].pid]  # who published it did not come to an end
    package = published(client, node, tmp_path / "two", overwrite=True)
    assert (package.is_old, package.obsoletes) == (False, first.metadata_id)


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(
    "changed",
    [
        {"meta": META | {"metadata": METADATA | {"title": "Another"}}},
        {"meta": META | {"output": {"license": "CC0-1.0"}}},
        {"fetched": ("https://example.org/b.tif",)},
        {"recipe": {"helper.py": b"2\n"}},
        {"parameters": {"year": 2021}},
    ],
)
def test_changed_metadata_inputs_recipe_files_or_parameters_are_a_change(
    node: PublishingNode, tmp_path: Path, changed: dict[str, Any]
) -> None:
    before = {"recipe": {"helper.py": b"1\n"}, "parameters": {"year": 2020}}
    first = published(deployment(tmp_path / "at", **before), node, tmp_path / "one")
    client = rerun(tmp_path, "second", {}, **before | changed)
    package = published(client, node, tmp_path / "two", overwrite=True)
    assert (package.is_old, package.obsoletes) == (False, first.metadata_id)


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_one_file_of_100_is_sent_with_the_crate_metadata_and_map(
    node: PublishingNode, tmp_path: Path
) -> None:
    """Of the crate: it is of the run that made the file, and one that is not would tell of another."""
    files = {f"{number}.csv": f"{number}\n".encode() for number in range(100)}
    client = deployment(tmp_path / "at", outputs=files, made=files)
    published(client, node, tmp_path / "one")
    sent, changed = len(node.sent()), files | {"7.csv": b"another\n"}
    run_id = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    client = deployment(tmp_path / "b", outputs=changed, made=changed, run_id=run_id)
    published(client, node, tmp_path / "two", overwrite=True)
    names = [each.fields["newPid"].decode() for each in node.sent()[sent:]]
    assert {node.objects[name].described.findtext("fileName") for name in names} == {
        *("7.csv", "provenance.zip", "metadata.xml", "resource-map.xml")
    }
    assert len(names) == 4


@pytest.mark.usefixtures("token")
def test_the_order_of_inputs_is_not_a_change(node: PublishingNode, tmp_path: Path) -> None:
    read = ("https://example.org/a.tif", "https://example.org/b.tif", "https://example.org/other/a.tif")
    published(deployment(tmp_path / "at", fetched=read), node, tmp_path / "one")
    assert all(each.encode() in [*node.objects.values()][-2].content for each in read)
    assert published(rerun(tmp_path, "second", {}, fetched=read[::-1]), node, tmp_path / "two").is_old


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [("archived", "true", "was archived there"), ("obsoletedBy", "urn:x", "was replaced there by urn:x")],
)
def test_no_version_follows_an_archived_or_foreign_version(
    node: PublishingNode, tmp_path: Path, name: str, text: str, message: str
) -> None:
    """Neither is it passed for what is published, nor is anything sent that no version would name."""
    first = published(deployment(tmp_path / "at"), node, tmp_path / "one")
    ElementTree.SubElement(node.objects[first.metadata_id].described, name).text = text
    sent = len(node.sent())
    for directory, changed in (("same", {}), ("two", {"b.tif": b"another"})):
        client = rerun(tmp_path / directory, "second", changed)
        with pytest.raises(ConflictError, match=rf"{message}.* Nothing was sent"):
            published(client, node, tmp_path / directory / "package", overwrite=True)
    assert len(node.sent()) == sent


@pytest.mark.usefixtures("token")
def test_a_version_made_public_by_curators_stays_public(node: PublishingNode, tmp_path: Path) -> None:
    private = META | {"metadata": METADATA | {"access": "private"}}
    first = published(deployment(tmp_path / "at", meta=private), node, tmp_path / "one")
    for stored in node.objects.values():
        make_public(stored)
    sent = len(node.sent())
    same = published(rerun(tmp_path, "second", {}, meta=private), node, tmp_path / "two", overwrite=True)
    assert (same.is_old, same.metadata_id) == (True, first.metadata_id)
    assert "stays public at the node, although the recipe says" in (same.exposure or "")
    client = rerun(tmp_path, "third", {"b.tif": b"another"}, meta=private)
    with pytest.raises(ConflictError, match=r"is public, but the recipe says `access: private`"):
        published(client, node, tmp_path / "three", overwrite=True)
    assert len(node.sent()) == sent


@pytest.mark.usefixtures("token")
def test_a_file_that_somebody_made_private_is_not_published_by_a_new_version(
    node: PublishingNode, tmp_path: Path
) -> None:
    first = published(deployment(tmp_path / "at"), node, tmp_path / "one")
    described = node.objects[first.members[0].pid].described
    described.remove(described.find("accessPolicy") or described)
    sent = len(node.sent())
    same = published(rerun(tmp_path, "second", {}), node, tmp_path / "two", overwrite=True)
    assert (same.is_old, same.exposure) == (True, None)
    client = rerun(tmp_path, "third", {"b.tif": b"another"})
    with pytest.raises(ConflictError, match=r"b\.tif .* was made private .* would be public"):
        published(client, node, tmp_path / "three", overwrite=True)
    assert len(node.sent()) == sent


@pytest.mark.usefixtures("token")
def test_a_file_with_restored_content_replaces_its_current_version(
    node: PublishingNode, tmp_path: Path
) -> None:
    """The same run's each time: its object is there, and was replaced."""
    first = published(deployment(tmp_path / "at"), node, tmp_path / "one")
    versions = [first]
    for number in range(2):
        client = rerun(tmp_path / f"{number}", "second", {"b.tif": b"another"})
        for each, name in ((client, "b"), (deployment(tmp_path / f"{number}" / "at"), "a")):
            directory = tmp_path / f"{number}" / name
            versions.append(published(each, node, directory, overwrite=True))
            assert published(each, node, tmp_path / f"{number}" / "again" / name) == versions[-1]
    for before, after in pairwise(versions):
        for old, new in zip(before.members, after.members, strict=True):
            assert old.pid == new.pid or node.objects[old.pid].obsoleted_by == new.pid
    assert all(node.objects[each.pid].obsoleted_by is None for each in versions[-1].members)


@pytest.mark.usefixtures("token")
def test_unreadable_metadata_are_a_change(node: PublishingNode, tmp_path: Path) -> None:
    first = published(deployment(tmp_path / "at"), node, tmp_path / "one")
    node.objects[first.metadata_id].content = b"not XML"
    package = published(rerun(tmp_path, "second", {}), node, tmp_path / "two", overwrite=True)
    assert (package.is_old, package.obsoletes) == (False, first.metadata_id)


WITH_DOI = META | {"metadata": METADATA | {"identifier": "doi"}}


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_a_doi_is_used_only_at_the_node_that_minted_it(
    node: PublishingNode, tmp_path: Path, token: Callable[[str], None]
) -> None:
    """One directory may go to a test node first. Two nodes of this double make the same DOIs."""
    client, directory = deployment(tmp_path / "at", meta=WITH_DOI), tmp_path / "package"
    first = published(client, node, directory)
    with PublishingNode() as other:
        other.minted.append("doi:10.5072/FK2/first")
        token(other.token(ADA))
        second = published(client, other, directory)
        assert second.metadata_id == other.minted[-1] != first.metadata_id
        assert_one_package(other, second)
    token(node.token(ADA))
    assert published(client, node, directory).metadata_id == first.metadata_id
    assert len(node.minted) == 1


@pytest.mark.usefixtures("token")
def test_a_doi_is_minted_once_for_each_version(node: PublishingNode, tmp_path: Path) -> None:
    client = deployment(tmp_path / "at", meta=WITH_DOI)
    first = published(client, node, tmp_path / "one")
    assert [first.metadata_id] == node.minted
    assert_one_package(node, first)
    assert first.metadata_id in node.objects[first.metadata_id].content.decode()
    for directory in ("one", "elsewhere"):  # also who never had the directory finds which one it is
        assert published(client, node, tmp_path / directory).metadata_id == first.metadata_id
    assert published(rerun(tmp_path, "second", {}, meta=WITH_DOI), node, tmp_path / "two").is_old
    client = rerun(tmp_path, "third", {"b.tif": b"another"}, meta=WITH_DOI)
    second = published(client, node, tmp_path / "three", overwrite=True)
    assert [first.metadata_id, second.metadata_id] == node.minted
    assert second.obsoletes == first.metadata_id


@pytest.mark.usefixtures("token")
def test_a_published_package_can_get_a_doi_later(node: PublishingNode, tmp_path: Path) -> None:
    client, meta = deployment(tmp_path / "at"), tmp_path / "meta.yml"
    first = published(client, node, tmp_path / "package")
    meta.write_text(json.dumps(WITH_DOI))
    second = published(client, node, tmp_path / "package", metadata=meta, overwrite=True)
    assert [second.metadata_id] == node.minted
    assert second.obsoletes == first.metadata_id
    assert published(client, node, tmp_path / "package").metadata_id == second.metadata_id


@pytest.mark.usefixtures("token")
def test_nothing_is_sent_to_a_node_that_mints_no_doi(node: PublishingNode, tmp_path: Path) -> None:
    node.mints = False
    with pytest.raises(
        UnsupportedError, match=r"mints no DOIs \(400 .*Leave out `metadata\.identifier: doi`"
    ):
        published(deployment(tmp_path / "at", meta=WITH_DOI), node, tmp_path / "package")
    assert node.objects == {}


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_a_new_version_with_a_doi_continues_after_a_kill_at_any_request(
    node: PublishingNode, tmp_path: Path
) -> None:
    """Each request is carried out. A DOI that was minted as the power went names nothing."""
    one = {"b.tif": OUTPUTS["b.tif"]}
    first = published(
        deployment(tmp_path / "at", outputs=one, made=one, meta=WITH_DOI), node, tmp_path / "one"
    )
    before = copy.deepcopy(node.objects)
    client = rerun(tmp_path, "second", {"b.tif": b"another", "d/ü.csv": b"gone"}, meta=WITH_DOI)
    for last in range(1, 100):
        node.objects = copy.deepcopy(before)
        node.asked.clear()
        node.minted = [first.metadata_id]
        directory = tmp_path / f"package-{last}"
        publishing = partial(published, client, node, directory, parallel=1, overwrite=True)
        was_killed = node.killed_at(last, publishing, is_done=True)
        if last % 3 == 0:
            directory = tmp_path / f"other-{last}"
        package = published(client, node, directory, overwrite=True)
        assert {*node.objects} == {*before} | {each.pid for each in package.members}
        assert package.obsoletes == first.metadata_id
        assert node.members(package.members[-1].pid) == {each.pid for each in package.members[:-1]}
        assert package.metadata_id == node.minted[-1]
        assert len(node.minted) <= 3
        if not was_killed:
            break
    assert last > 3 * 4


@pytest.mark.usefixtures("token")
def test_a_lost_response_about_a_doi_does_not_mint_another(node: PublishingNode, tmp_path: Path) -> None:
    seen = set()

    def lose_the_first(number: int) -> Fault | None:
        asked = node.asked[number - 1]
        key = asked.method, asked.path, asked.fields.get("pid")
        is_new = key not in seen
        seen.add(key)
        return Fault.LOST_ANSWER if is_new else None

    node.on_request = lose_the_first
    client = deployment(tmp_path / "at", meta=WITH_DOI)
    while True:
        try:
            package = published(client, node, tmp_path / "package")
        except SourceUnavailableError:
            continue
        break
    assert_one_package(node, package)
    assert [package.metadata_id] == node.minted[1:]  # the first one's answer was lost


@pytest.mark.usefixtures("token")
def test_concurrent_publications_of_a_run_mint_one_doi(node: PublishingNode, tmp_path: Path) -> None:
    client = deployment(tmp_path / "at", meta=WITH_DOI)
    other: list[Package] = []

    def meanwhile(number: int) -> None:
        if number == 5:
            node.on_request = lambda _number: None
            other.append(published(client, node, tmp_path / "other"))

    node.on_request = meanwhile
    with pytest.raises(SourceUnavailableError, match="publish again later"):
        published(client, node, tmp_path / "package", parallel=1)
    package = published(client, node, tmp_path / "package")
    assert package.metadata_id == other[0].metadata_id
    assert_one_package(node, package)
