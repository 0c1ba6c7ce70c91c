"""Watched locations on real servers: changes are detected, and nothing else is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from ogdc_shared.config import Settings
from ogdc_shared.context import Context
from ogdc_shared.errors import (
    ForbiddenError,
    InputNotFoundError,
    InvalidRequestError,
    OgdcError,
    SourceUnavailableError,
    UnsupportedError,
)
from ogdc_shared.triggers.git_refs import Ref, commit_of, read_location
from ogdc_shared.triggers.watching import check_form, validators_of
from support.dataone import DataFile, MemberNode
from support.http import Answer, FileServer

HERE = ip_network("127.0.0.0/8")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "site").mkdir()
    with FileServer(tmp_path / "site") as server:
        yield server


def ask(place: str, **settings: object) -> str:
    """The validator of a place, as a service in a network that it may read asks for it."""
    context = Context(Settings(allowed_networks=(HERE,))._replace(**settings))
    return validators_of(context, [place])[place]


class TestListings:
    def test_a_directory_changes_with_its_files_if_its_server_lists_them(self, site: FileServer):
        site.listings = True
        (site.directory / "d").mkdir()
        (site.directory / "d/a.csv").write_text("1")
        place = f"{site.url}/d/"
        before = ask(place)
        assert ask(place) == before

        (site.directory / "d/b.csv").write_text("2")

        assert ask(place) != before

    def test_a_file_without_etag_and_date_is_rejected(self, site: FileServer):
        site.routes["/x"] = lambda _: Answer(body=b"x")

        with pytest.raises(InputNotFoundError, match="neither ETag"):
            ask(f"{site.url}/x")

    def test_a_server_error_is_not_a_change(self, site: FileServer):
        site.fail(20, status=503)

        with pytest.raises(SourceUnavailableError):
            ask(f"{site.url}/d/")


class TestDataSets:
    def test_the_newest_version_of_a_series_is_watched(self, site: FileServer):
        first = DataFile("urn:m1", "m.xml", b"<m/>", metadata=True, series="doi:10.5072/S")
        data = DataFile("urn:d1", "a.csv", b"1")
        node = MemberNode(site, {"map_1": [first, data]})
        before = ask("dataone:doi:10.5072/S", dataone_node_url=node.url)
        assert ask("dataone:doi:10.5072/S", dataone_node_url=node.url) == before

        second = DataFile("urn:m2", "m.xml", b"<m/>", metadata=True, series="doi:10.5072/S")
        node.packages["map_1"] = [first._replace(obsoleted_by="urn:m2"), data]
        node.packages["map_2"] = [second, data, DataFile("urn:d2", "b.csv", b"2")]

        assert ask("dataone:doi:10.5072/S", dataone_node_url=node.url) != before

    def test_new_metadata_without_new_data_are_not_a_change(self, site: FileServer):
        first = DataFile("urn:m1", "m.xml", b"<m/>", metadata=True, series="doi:10.5072/S")
        data = DataFile("urn:d1", "a.csv", b"1")
        node = MemberNode(site, {"map_1": [first, data]})
        before = ask("dataone:doi:10.5072/S", dataone_node_url=node.url)

        node.packages["map_1"] = [first._replace(obsoleted_by="urn:m2"), data]
        node.packages["map_2"] = [first._replace(identifier="urn:m2"), data]

        assert ask("dataone:doi:10.5072/S", dataone_node_url=node.url) == before

    def test_that_is_unknown(self, site: FileServer):
        node = MemberNode(site, {})

        with pytest.raises(InputNotFoundError):
            ask("dataone:doi:10.5072/none", dataone_node_url=node.url)

    def test_data_sets_cannot_be_watched_without_a_node(self):
        with pytest.raises(UnsupportedError, match="DATAONE_NODE_URL"):
            check_form("dataone:doi:10.5072/S", settings=Settings())


class TestRefs:
    @pytest.fixture
    def repository(self, tmp_path: Path, site: FileServer) -> Callable[..., str]:
        """A repository that its server tells the refs of; gives what runs git there."""
        path = tmp_path / "repository"

        def git(*arguments: str) -> str:
            identity = (
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@example.org",
                "-c",
                "init.defaultBranch=main",
            )
            done = subprocess.run(
                ["git", "-C", str(path), *identity, *arguments], check=True, capture_output=True, text=True
            )
            return done.stdout.strip()

        def refs(_: object) -> Answer:
            advertised = subprocess.run(
                ["git", "upload-pack", "--stateless-rpc", "--advertise-refs", str(path)],
                check=True,
                capture_output=True,
            ).stdout
            return Answer(body=b"001e# service=git-upload-pack\n0000" + advertised)

        path.mkdir()
        git("init", "-q")
        git("commit", "-q", "--allow-empty", "-m", "one")
        site.routes["/r.git/info/refs"] = refs
        return git

    def test_a_branch_changes_with_its_commits_and_not_with_others(self, repository, site: FileServer):
        place = f"git+{site.url}/r.git@main"
        assert ask(place) == repository("rev-parse", "main")
        repository("checkout", "-q", "-b", "other")
        repository("commit", "-q", "--allow-empty", "-m", "two")
        assert ask(place) == repository("rev-parse", "main")

        repository("checkout", "-q", "main")
        repository("commit", "-q", "--allow-empty", "-m", "three")

        assert ask(place) == repository("rev-parse", "main")
        assert site.requests[-1].query == {"service": ["git-upload-pack"]}

    def test_without_a_ref_head_is_watched_and_tags_are_dereferenced(self, repository, site: FileServer):
        repository("tag", "-a", "v1", "-m", "v1")

        assert ask(f"git+{site.url}/r.git") == repository("rev-parse", "HEAD")
        assert ask(f"git+{site.url}/r.git@v1") == repository("rev-parse", "HEAD")
        assert ask(f"git+{site.url}/r.git@refs/heads/main") == repository("rev-parse", "HEAD")
        with pytest.raises(InputNotFoundError, match="no ref 'none'"):
            ask(f"git+{site.url}/r.git@none")

    @pytest.mark.parametrize("body", [b"", b"<html>", b"001e# service=git-upload-pack\n0000ffff", b"0004"])
    def test_an_invalid_git_response_is_not_a_change(self, body: bytes):
        with pytest.raises(InputNotFoundError):
            commit_of(Ref("https://example.org/r.git", "main"), body)

    def test_github_locations_are_watched_as_refs(self):
        ref = read_location("github://qgreenland-net:ogdc-recipes@main/recipes/tiles")

        assert ref == Ref("https://github.com/qgreenland-net/ogdc-recipes.git", "main")

    @pytest.mark.parametrize(
        "place",
        [
            "github://o",
            "github://o:../x@main",
            "github://o/x:r@main",
            "git+https:///r@main",
            "git+https://h@main",
            "git+https://h/r?x=1@main",
            "git+https://h/r@",
        ],
    )
    def test_locations_without_a_ref_are_rejected(self, place: str):
        with pytest.raises(InvalidRequestError):
            check_form(place, settings=Settings())


@pytest.mark.parametrize("form", ["{}/d/", "git+{}/r.git@main"])
def test_no_requests_are_sent_to_networks_of_the_services(site: FileServer, form: str):
    place = form.format(site.url)

    with pytest.raises(ForbiddenError):
        ask(place, allowed_networks=())

    assert site.requests == []


def test_redirects_to_private_addresses_are_not_followed_when_watching(site: FileServer):
    inside = site.url.replace("127.0.0.1", "127.0.0.2")
    site.routes["/r.git/info/refs"] = lambda _: Answer(status=302, headers={"Location": f"{inside}/secret"})

    with pytest.raises(OgdcError):
        ask(f"git+{site.url}/r.git@main", allowed_networks=(ip_network("127.0.0.1/32"),))

    assert [each.path for each in site.requests] == ["/r.git/info/refs"]
