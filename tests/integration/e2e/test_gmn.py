"""Results on GMN, a real member node, read back by a client of others (see `support.gmn`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

import pytest
import urllib3

from ogdc_cli.publication.publishing import Wanted, publish
from ogdc_shared.dataone.member import MAP, OUTPUT, PROGRAM
from ogdc_shared.dataone.node import Description, Node
from ogdc_shared.dataone.token import Token
from ogdc_shared.errors import (
    ForbiddenError,
    InvalidRequestError,
    OgdcError,
    SourceUnavailableError,
    UnauthenticatedError,
)
from ogdc_shared.inputs.dataone import resolve_dataset
from ogdc_shared.plan import Checksum
from ogdc_shared.publication import sending
from ogdc_shared.publication.checking import system_metadata_of
from ogdc_shared.publication.node_access import connections
from ogdc_shared.publication.package import Package
from ogdc_shared.publication.sending import Sent
from support.crates import RUN
from support.data_sets import ADA, COMMANDS, MADE
from support.gmn import NEEDED, Gmn
from support.metacat import Metacat
from support.postgres import PostgresServer
from support.publications import METADATA, member
from support.published_runs import META, OUTPUTS, deployment
from support.publishing_node import NEVER, Asked, Fault
from support.recipes import inputs, make_recipe
from support.stack import Stack

pytestmark = NEEDED
ROBOT = "CN=robot,DC=dataone,DC=org"
_META_OF_LOST = META | {"name": "Words of lost answers", "metadata": METADATA | {"identifier": "doi"}}


@pytest.fixture(scope="module")
def gmn(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Gmn]:
    settings = postgres_server.make_database(template="template0")
    with Gmn(tmp_path_factory.mktemp("gmn"), settings, (ADA, ROBOT)) as node:
        yield node
    postgres_server.drop_database(settings)


def publish_made(
    gmn: Gmn | Metacat,
    directory: Path,
    name: str,
    *,
    made: dict[str, bytes] = OUTPUTS,
    identifier: str = "uuid",
    access: str = "public",
    **wanted: Any,
) -> tuple[Package, list[Sent]]:
    """Publish a run that made these files, of a recipe of that name, as the command does."""
    meta = META | {"name": name, "metadata": METADATA | {"identifier": identifier, "access": access}}
    client = deployment(directory / "at", meta=meta, made=made, outputs=made, run_id=str(uuid4()))
    sent: list[Sent] = []
    package = publish(
        client,
        Wanted(RUN.name, gmn.url, directory / "package", **wanted),
        agree=lambda _package: True,
        on_sent=sent.append,
    )
    assert package is not None
    return package, sent


def assert_read_back(gmn: Gmn, resource_map: str, contents: dict[str, bytes], into: Path) -> None:
    """Make sure that another client reads these objects, each of which the metadata are about."""
    into.mkdir()
    lines = (line.split("\t") for line in gmn.read_back(resource_map, into).splitlines())
    read = {pid: (is_documented, checksum) for pid, _format_id, is_documented, checksum in lines}
    assert read == {pid: ("True", sha256(content).hexdigest()) for pid, content in contents.items()}
    assert contents == {pid: (into / quote(pid, safe="")).read_bytes() for pid in contents}


@pytest.fixture
def metacat(gmn: Gmn) -> Iterator[Metacat]:
    with Metacat(gmn.url) as node:
        yield node


@pytest.fixture
def at_metacat(gmn: Gmn, metacat: Metacat, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Ada's token is the user's; as who asks the node for single things. Nobody waits between tries."""
    monkeypatch.setattr(sending, "_WAITS", (0.0,) * 4)
    monkeypatch.setenv("DATAONE_TOKEN", gmn.token(ADA))
    token = Token(gmn.token(ADA), ADA, NEVER)
    with connections(metacat.url, most=1) as http:
        yield Node(metacat.url, token=lambda: token, http=http)


def test_a_published_package_is_read_by_an_independent_client_and_a_recipe(
    gmn: Gmn, metacat: Metacat, short_root: Path, tmp_path: Path
) -> None:
    """At a Metacat, of which another client reads what GMN keeps; its index knows nothing of it yet."""
    recipe = make_recipe(
        tmp_path / "first",
        name="Words of a run",
        input=inputs({"type": "file", "path": "words.txt"}),
        output={"type": "dataone", "license": "CC-BY-4.0"},
        metadata=METADATA | {"identifier": "doi"},
        files={"words.txt": "some words\n", "recipe.sh": COMMANDS},
    )
    (short_root / "gmn").mkdir()
    with Stack(short_root / "gmn", DATAONE_NODE_URL=metacat.url, OGDC_DATAONE_PUBLISH="test") as stack:
        tokens = stack.root / "home/.config/ogdc-runner/tokens"
        tokens.parent.mkdir(parents=True)
        tokens.touch(mode=0o600)
        tokens.write_text(f"127.0.0.1 {gmn.token(ROBOT)}\n")
        done = stack.cli("submit", "--wait", "--json", str(recipe))
        assert done.code == 0, done
        package = done.json()["package"]
        log = stack.cli("logs", "--task", "publish", "--raw", done.json()["name"]).out
        second = make_recipe(
            tmp_path / "second",
            name="Reader of words",
            input=inputs({"type": "dataone", "dataset_identifier": package["series"], "filename": "*.csv"}),
            output={"type": "temporary"},
        )
        submitted = stack.cli("submit", "--wait", "--json", str(second))
        assert submitted.code == 0, submitted
        fetched = stack.cli("get-output", submitted.json()["name"], "ü b.csv", "-o", "read.csv", cwd=tmp_path)
        assert fetched.code == 0, fetched
    assert (tmp_path / "read.csv").read_bytes() == MADE["ü b.csv"]
    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    sent = {each["name"]: each["identifier"] for each in events if each["event"] == "object_sent"}
    resource_map = sent.pop("resource-map.xml")
    assert resource_map == f"resource_map_{package['identifier']}"
    assert [package["identifier"]] == metacat.minted
    (tmp_path / "read").mkdir()
    listed = {line.split("\t")[0] for line in gmn.read_back(resource_map, tmp_path / "read").splitlines()}
    assert listed == {*sent.values()}
    for path, content in MADE.items():
        assert (tmp_path / "read" / quote(sent[path], safe="")).read_bytes() == content


def test_a_package_is_read_back_byte_for_byte(
    gmn: Gmn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAONE_TOKEN", gmn.token(ADA))
    package, sent = publish_made(gmn, tmp_path, "Words of Ada")
    assert all(each.is_new for each in sent)
    *others, resource_map = package.members
    contents = {each.pid: (tmp_path / "package" / each.file).read_bytes() for each in others}
    assert resource_map.role == MAP
    assert_read_back(gmn, resource_map.pid, contents, tmp_path / "read")
    monkeypatch.setenv("DATAONE_TOKEN", gmn.token(ROBOT))
    with pytest.raises(ForbiddenError, match=f"does not let {ROBOT} do that"):
        publish_made(gmn, tmp_path / "robot", "Words of Ada", made={"b.tif": b"other"}, overwrite=True)


def test_a_new_version_sends_only_changes_and_is_the_head_of_its_series(
    gmn: Gmn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAONE_TOKEN", gmn.token(ROBOT))
    name = "Words of two versions"
    old, _ = publish_made(gmn, tmp_path / "a", name)
    changed = OUTPUTS | {"b.tif": b"another"}
    new, sent = publish_made(gmn, tmp_path / "b", name, made=changed, overwrite=True)
    kept = {(each.member.role, each.member.path) for each in sent if not each.is_new}
    assert kept == {(PROGRAM, "recipe/recipe.sh"), (OUTPUT, "d/ü.csv")}
    assert (new.series, new.obsoletes) == (old.series, old.metadata_id)
    with pytest.raises(OgdcError, match=f"published at .* before, as {new.metadata_id}"):
        publish_made(gmn, tmp_path / "c", name)


def test_creating_an_object_twice_is_an_error_without_effect(
    metacat: Metacat, at_metacat: Node, tmp_path: Path
) -> None:
    package, _ = publish_made(metacat, tmp_path, "Words sent twice")
    first, directory = package.members[0], tmp_path / "package"
    described = system_metadata_of(package, first)
    with pytest.raises(SourceUnavailableError, match=r"answered the creation .* 500 \(ServiceFailure"):
        at_metacat.create(first, system_metadata=described, file=directory / first.file)
    assert at_metacat.describe(first.pid) == Description.of(first)


def test_lost_responses_leave_one_package_with_one_doi(
    gmn: Gmn, metacat: Metacat, at_metacat: Node, tmp_path: Path
) -> None:
    """The answer of each request that changes something, and then a page in HTML to the next question."""
    faults = {"POST": Fault.LOST_ANSWER, "HEAD": Fault.PROXY}
    seen = set()

    def once(asked: Asked) -> Fault | None:
        key = asked.method, asked.path, asked.fields.get("pid")
        is_new = key not in seen
        seen.add(key)
        return faults.get(asked.method) if is_new else None

    metacat.on_request = once
    made = {"b.tif": b"tif"}
    with pytest.raises(SourceUnavailableError):  # the DOI whose answer is lost names nothing
        publish_made(metacat, tmp_path, "Words of lost answers", made=made, identifier="doi")
    assert not metacat.stored
    client = deployment(tmp_path / "b", meta=_META_OF_LOST, made=made, outputs=made)
    wanted = Wanted(RUN.name, metacat.url, tmp_path / "again")
    package = publish(client, wanted, agree=lambda _package: True, on_sent=lambda _sent: None)
    assert package is not None
    assert [package.metadata_id] == metacat.minted[1:]
    assert metacat.stored == {each.pid for each in package.members}
    posts = [asked.fields["pid"].decode() for asked in metacat.asked if asked.path.endswith("/object")]
    assert sorted(posts) == sorted(metacat.stored), "sent once, although the answer was lost"
    contents = {each.pid: (tmp_path / "again" / each.file).read_bytes() for each in package.members[:-1]}
    assert_read_back(gmn, package.members[-1].pid, contents, tmp_path / "read")
    assert at_metacat.state(package.series) is not None


def test_sent_objects_are_verified_by_the_list_of_gmn(
    gmn: Gmn, metacat: Metacat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Private objects as well, of who publishes them for somebody."""
    monkeypatch.setattr(sending, "_LIST_SECONDS", 600)  # one list, however slow the machine
    monkeypatch.setenv("DATAONE_TOKEN", gmn.token(ROBOT))
    made = {f"{number}.csv": b"%d\n" % number for number in range(8)}
    package, _ = publish_made(metacat, tmp_path, "Words in a list", made=made, access="private")
    heads = [unquote(asked.path) for asked in metacat.asked if asked.method == "HEAD"]
    asked_for = {each.path: sum(path.endswith(each.pid) for path in heads) for each in package.members}
    assert {path: asked_for[path] for path in made} == dict.fromkeys(made, 0) | {"0.csv": 2}


def test_a_lagging_index_hides_no_version(metacat: Metacat, at_metacat: Node, tmp_path: Path) -> None:
    name = "Words that are found late"
    old, _ = publish_made(metacat, tmp_path / "a", name, made={"b.tif": b"tif"})
    wanted = {old.series: b"tif", old.metadata_id: b"tif"}

    def assert_found() -> None:
        with urllib3.PoolManager(retries=False) as http:
            for identifier, content in wanted.items():
                [found] = resolve_dataset(metacat.url, identifier, filename="b.tif", http=http)
                assert found.checksum == Checksum("sha256", sha256(content).hexdigest())

    assert_found()
    metacat.catch_up()
    assert_found()
    new, _ = publish_made(metacat, tmp_path / "b", name, made={"b.tif": b"another"}, overwrite=True)
    wanted |= {new.series: b"another", new.metadata_id: b"another"}
    assert_found()
    metacat.catch_up()
    assert_found()


def test_gmn_rejects_empty_objects_so_none_is_sent(
    metacat: Metacat, at_metacat: Node, tmp_path: Path
) -> None:
    files = {"empty.csv": b"", "full.csv": b"1\n"}
    with pytest.raises(InvalidRequestError, match=r"^empty\.csv is empty.*Nothing was sent"):
        publish_made(metacat, tmp_path, "Words of none", made=files)
    assert not metacat.stored
    (tmp_path / "empty.csv").touch()
    empty = member(OUTPUT, "empty.csv", size=0, sha256=sha256().hexdigest())
    with pytest.raises(InvalidRequestError, match="must be positive"):
        at_metacat.create(empty, system_metadata=b"<a/>", file=tmp_path / "empty.csv")


def test_an_expired_token_is_reported_and_a_new_one_continues(
    gmn: Gmn, metacat: Metacat, at_metacat: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = gmn.token(ADA, seconds=-60)

    def end(asked: Asked) -> None:
        if len(metacat.stored) == 2:
            monkeypatch.setenv("DATAONE_TOKEN", over)

    metacat.on_request = end
    with pytest.raises(UnauthenticatedError, match=f"{ADA} .* expired .*What was sent is kept") as ended:
        publish_made(metacat, tmp_path, "Words of an hour", parallel=1)
    assert over not in str(ended.value)
    assert 2 <= len(metacat.stored) < 6
    metacat.on_request = lambda _asked: None
    monkeypatch.setenv("DATAONE_TOKEN", gmn.token(ADA))
    client = deployment(tmp_path / "b")  # the package is in its directory
    wanted = Wanted(RUN.name, metacat.url, tmp_path / "package")
    package = publish(client, wanted, agree=lambda _package: True, on_sent=lambda _sent: None)
    assert package is not None
    assert metacat.stored == {each.pid for each in package.members}
    posts = [asked.fields["pid"].decode() for asked in metacat.asked if asked.method == "POST"]
    assert sorted(posts) == sorted(metacat.stored), "each was sent once"


def test_tokens_without_a_known_subject_are_rejected(
    gmn: Gmn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = gmn.token(ADA)
    forged = f"{signed[:-20]}{signed[-20:-12].swapcase()}{signed[-12:]}"
    stranger = "http://orcid.org/0000-0001-2345-6789"
    tokens: dict[str, tuple[type[OgdcError], str]] = {
        "nonsense": (UnauthenticatedError, "is malformed"),
        gmn.token(ADA, seconds=-600): (UnauthenticatedError, "expired 10 minutes ago"),
        forged: (ForbiddenError, "belongs to another network, or it does not let"),
        gmn.token(stranger): (ForbiddenError, f"does not let {stranger} do"),
    }
    for number, (token, (error, message)) in enumerate(tokens.items()):
        monkeypatch.setenv("DATAONE_TOKEN", token)
        (tmp_path / str(number)).mkdir()
        with pytest.raises(error, match=message) as refused:
            publish_made(gmn, tmp_path / str(number), "Words of nobody")
        assert token not in str(refused.value)
