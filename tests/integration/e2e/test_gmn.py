"""Results on GMN, a real member node, read back by a client of others (`make test-gmn`)."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pytest

from support.data_sets import ADA, MADE, members, publish, run_of
from support.gmn import NEEDED, Gmn
from support.postgres import PostgresServer
from support.recipes import inputs, make_recipe
from support.stack import Stack

pytestmark = NEEDED
ROBOT = "CN=robot,DC=dataone,DC=org"


@pytest.fixture(scope="module")
def gmn(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Gmn]:
    settings = postgres_server.make_database(template="template0")
    with Gmn(tmp_path_factory.mktemp("gmn"), settings, (ADA, ROBOT)) as node:
        yield node
    postgres_server.drop_database(settings)


def test_a_package_is_read_back_byte_for_byte(stack: Stack, gmn: Gmn, tmp_path: Path) -> None:
    run = run_of(stack, tmp_path / "recipe")
    done = publish(stack, run, gmn.url, gmn.token(ADA), "--directory", "package", cwd=tmp_path)
    listed = members(tmp_path / "package")
    assert (done["sent"], done["found"]) == (len(listed), 0)
    (tmp_path / "read").mkdir()
    resource_map = listed["resource-map.xml"]["pid"]
    lines = gmn.read_back(resource_map, tmp_path / "read").splitlines()
    read = {pid: rest for pid, *rest in (line.split("\t") for line in lines)}
    assert {*read} == {each["pid"] for each in listed.values()} - {resource_map}
    for pid, (format_id, is_documented, checksum) in read.items():
        [member] = (each for each in listed.values() if each["pid"] == pid)
        content = (tmp_path / "read" / quote(pid, safe="")).read_bytes()
        assert content == (tmp_path / "package" / member["file"]).read_bytes()
        assert (format_id, checksum) == (member["format_id"], sha256(content).hexdigest())
        assert is_documented == "True"
    assert {path: (tmp_path / "package" / listed[path]["file"]).read_bytes() for path in MADE} == MADE


def test_a_published_package_is_the_input_of_another_recipe(
    stack: Stack, gmn: Gmn, short_root: Path, tmp_path: Path
) -> None:
    run = run_of(stack, tmp_path / "first", name="Words to read")
    done = publish(stack, run, gmn.url, gmn.token(ADA), cwd=tmp_path)
    second = make_recipe(
        tmp_path / "second",
        name="Reader of words",
        input=inputs({"type": "dataone", "dataset_identifier": done["series"], "filename": "*.csv"}),
        output={"type": "temporary"},
    )
    (short_root / "reader").mkdir()
    with Stack(short_root / "reader", DATAONE_NODE_URL=gmn.url) as other:
        submitted = other.cli("submit", "--wait", "--json", str(second))
        assert submitted.code == 0, submitted
        read = submitted.json()["name"]
        assert other.cli("get-output", read, "ü b.csv", "-o", "read.csv", cwd=tmp_path).code == 0
    assert (tmp_path / "read.csv").read_bytes() == MADE["ü b.csv"]


def test_a_new_version_sends_what_changed_and_is_what_the_series_names(
    stack: Stack, gmn: Gmn, tmp_path: Path
) -> None:
    token = gmn.token(ROBOT)
    versions = []
    for words in ("some words\n", "other words\n"):
        recipe = tmp_path / words.split()[0]
        run = run_of(stack, recipe, name="Words of two versions", words=words, access="private")
        options = ("--directory", run, "--overwrite")
        done = publish(stack, run, gmn.url, token, *options, cwd=tmp_path)
        versions.append((done, members(tmp_path / run)))
    (_, old), (done, new) = versions
    kept = {path for path in new if old[path]["pid"] == new[path]["pid"]}
    assert kept == {"recipe/recipe.sh", "ü b.csv"}
    assert (done["sent"], done["found"]) == (len(new) - len(kept), len(kept))
    assert new["metadata.xml"]["obsoletes"] == old["metadata.xml"]["pid"]
    again = publish(stack, run, gmn.url, token, "--directory", "elsewhere", cwd=tmp_path)
    assert (again["identifier"], again["sent"]) == (done["identifier"], 0)


def test_somebody_elses_data_set_gets_no_new_version(stack: Stack, gmn: Gmn, tmp_path: Path) -> None:
    first = run_of(stack, tmp_path / "first", name="Words of Ada")
    publish(stack, first, gmn.url, gmn.token(ADA), cwd=tmp_path)
    second = run_of(stack, tmp_path / "second", name="Words of Ada", words="other words\n")
    arguments = ("publish", second, "--to", "dataone", "--node", gmn.url, "--overwrite")
    done = stack.cli(*arguments, cwd=tmp_path, DATAONE_TOKEN=gmn.token(ROBOT))
    assert (done.code, f"does not let {ROBOT} do that" in done.err, "Sent" in done.err) == (1, True, False)


def test_tokens_that_are_nobodys(stack: Stack, gmn: Gmn, tmp_path: Path) -> None:
    run = run_of(stack, tmp_path / "recipe", name="Words of nobody")
    signed = gmn.token(ADA)
    forged = f"{signed[:-20]}{signed[-20:-12].swapcase()}{signed[-12:]}"
    tokens = {
        "": "takes a token",
        "nonsense": "is none",
        gmn.token(ADA, seconds=-600): "expired 10 minutes ago",
        forged: "was changed, or it does not let",
        gmn.token(
            "http://orcid.org/0000-0001-2345-6789"
        ): "does not let http://orcid.org/0000-0001-2345-6789 do",
    }
    for token, message in tokens.items():
        arguments = ("publish", run, "--to", "dataone", "--node", gmn.url, "--directory", "package")
        done = stack.cli(*arguments, cwd=tmp_path, DATAONE_TOKEN=token)
        assert (done.code, message in done.err) == (1, True), (message, done)
        assert not token or token not in done.err
