from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from ogdc_shared.errors import (
    InvalidRecipeError,
    InvalidRequestError,
    RecipeNotFoundError,
    SourceUnavailableError,
    StorageUnavailableError,
)
from ogdc_shared.recipe_sources import http, source
from ogdc_shared.recipe_sources.staging import stage_recipe
from support.http import Answer, FileServer, closed_port
from support.limits import largest_file
from support.recipe_files import FILES, content, write_recipe

LOOPBACK = (ip_network("127.0.0.0/8"),)
"""The tests' servers are here, where nobody's recipes are read from unless the operator says so."""


@pytest.fixture
def into(tmp_path: Path) -> Iterator[Path]:
    """A place to stage into; whatever a test does, nothing else is left beside it."""
    place = tmp_path / "staging" / "into"
    yield place
    assert list(place.parent.glob("*")) in ([], [place])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "www").mkdir()
    with FileServer(tmp_path / "www") as running:
        yield running


def archive(server: FileServer, name: str, *, top: str) -> str:
    """Serve an archive of the small recipe, in the directory `top` of it; returns its URL."""
    tree = server.directory.with_name("tree")
    write_recipe(tree / top)
    kind = "zip" if name.endswith(".zip") else "gztar"
    made = shutil.make_archive(str(tree.with_name("made")), kind, tree)
    shutil.move(made, server.directory / name)
    return f"{server.url}/{name}"


@pytest.mark.parametrize("name", ["r.tar.gz", "r.tgz", "r.zip", "R.ZIP"])
@pytest.mark.parametrize("top", ["", "repository-main"])
def test_archives_are_unpacked(server: FileServer, into: Path, name: str, top: str) -> None:
    url = archive(server, name, top=top)
    staged = stage_recipe(f"{url}?raw=true", into, allow_local=False, networks=LOOPBACK)
    assert staged == into / top
    assert content(staged) == FILES


def test_a_listed_directory_is_copied(server: FileServer, into: Path) -> None:
    write_recipe(server.directory / "my recipes" / "small")
    server.listings = True
    staged = stage_recipe(f"{server.url}/my recipes/small", into, allow_local=False, networks=LOOPBACK)
    assert content(staged) == FILES
    assert not [path for path in server.paths() if not path.startswith("/my recipes/small")]


def test_only_the_nested_recipe_of_a_directory_is_fetched(server: FileServer, into: Path) -> None:
    write_recipe(server.directory / "top" / "small")
    (server.directory / "top" / "other.txt").write_text("not the recipe's")
    server.listings = True
    staged = stage_recipe(f"{server.url}/top/", into, allow_local=False, networks=LOOPBACK)
    assert (staged, content(into / "small")) == (into / "small", FILES)
    assert "/top/other.txt" not in server.paths()


def test_several_recipes_are_named(server: FileServer, into: Path) -> None:
    for name in ("one", "two"):
        write_recipe(server.directory / name)
    server.listings = True
    with pytest.raises(InvalidRequestError, match=r"several recipes\. Give one of them: one, two"):
        stage_recipe(server.url, into, allow_local=False, networks=LOOPBACK)
    assert not any(into.iterdir())


def test_a_directory_without_a_recipe_says_what_there_is(server: FileServer, into: Path) -> None:
    (server.directory / "README.txt").write_text("x")
    server.listings = True
    with pytest.raises(RecipeNotFoundError, match=r"no meta.yml.*there is: README.txt"):
        stage_recipe(server.url, into, allow_local=False, networks=LOOPBACK)


def test_a_file_is_not_taken_for_a_directory(server: FileServer, into: Path) -> None:
    server.routes["/meta.yml/"] = lambda _: Answer(body=b"name: x", headers={"Content-Type": "text/yaml"})
    with pytest.raises(RecipeNotFoundError, match=r"a file \(text/yaml\).*\.tar\.gz, \.tgz or \.zip"):
        stage_recipe(f"{server.url}/meta.yml", into, allow_local=False, networks=LOOPBACK)


def test_links_that_lead_elsewhere_are_not_followed(server: FileServer, into: Path) -> None:
    links = [
        "meta.yml",
        "%2e%2e/secret",
        "/secret",
        "../x",
        "http://localhost:1/r/y",
        "http://[",
        "//localhost:1/z",
    ]
    links += ["deep/down/file", "?C=N", "#top", "", "javascript:void(0)"]
    page = "".join(f'<a href="{link}">x</a>' for link in links) + "<a name='none'>x</a>"
    server.routes["/r/"] = lambda _: Answer(body=page.encode(), headers={"Content-Type": "text/html"})
    server.routes["/r/meta.yml"] = lambda _: Answer(body=b"name: x")
    staged = stage_recipe(f"{server.url}/r", into, allow_local=False, networks=LOOPBACK)
    assert content(staged) == {"meta.yml": b"name: x"}


@pytest.mark.parametrize("link", ["..%2f..%2fescaped", "a%0Ab", "a%00b", "%2fetc"])
def test_names_that_escape_are_refused(server: FileServer, into: Path, link: str) -> None:
    page = f'<a href="meta.yml">m</a><a href="{link}">x</a>'.encode()
    server.routes["/r/"] = lambda _: Answer(body=page, headers={"Content-Type": "text/html"})
    server.routes["/r/meta.yml"] = lambda _: Answer(body=b"name: x")
    with pytest.raises(InvalidRequestError, match="cannot be the name of a recipe's file"):
        stage_recipe(f"{server.url}/r", into, allow_local=False, networks=LOOPBACK)
    assert not any(into.iterdir())


@pytest.mark.slow
def test_a_directory_of_directories_without_end_is_given_up(server: FileServer, into: Path) -> None:
    page = Answer(body=b'<a href="again/">x</a>', headers={"Content-Type": "text/html"})
    server.routes.update({f"/{'again/' * depth}": lambda _: page for depth in range(200)})
    with pytest.raises(InvalidRequestError, match="too large for a recipe"):
        stage_recipe(server.url, into, allow_local=False, networks=LOOPBACK)
    assert len(server.requests) == source.MAX_DIRECTORIES


def test_passing_fault_is_tried_again(server: FileServer, into: Path) -> None:
    url = archive(server, "r.tar.gz", top="")
    server.fail(2)
    assert content(stage_recipe(url, into, allow_local=False, networks=LOOPBACK)) == FILES


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, RecipeNotFoundError),
        (410, RecipeNotFoundError),
        (403, RecipeNotFoundError),
        (429, SourceUnavailableError),
        (503, SourceUnavailableError),
    ],
)
def test_a_lasting_refusal_is_reported(
    server: FileServer, into: Path, status: int, error: type[Exception]
) -> None:
    server.fail(9, status=status)
    with pytest.raises(error, match=rf"/r.zip: the server .*{status}"):
        stage_recipe(f"{server.url}/r.zip", into, allow_local=False, networks=LOOPBACK)
    assert not any(into.iterdir())


def test_a_download_cut_short_leaves_nothing(server: FileServer, into: Path) -> None:
    url = archive(server, "r.tar.gz", top="")
    server.drop(9, after=1000)
    with pytest.raises(SourceUnavailableError, match="was cut off"):
        stage_recipe(url, into, allow_local=False, networks=LOOPBACK)
    assert not any(into.iterdir())


def test_a_server_that_is_away_or_unknown(into: Path) -> None:
    with closed_port() as url, pytest.raises(SourceUnavailableError, match="NewConnectionError"):
        stage_recipe(f"{url}/r.zip", into, allow_local=False, networks=LOOPBACK)
    with pytest.raises(SourceUnavailableError, match="NameResolutionError"):
        stage_recipe("https://no-such-host.invalid/r.zip", into, allow_local=False, networks=LOOPBACK)


def test_a_server_that_stalls_is_given_up(
    server: FileServer, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.2)
    url = archive(server, "r.tar.gz", top="")
    server.stall_after = 100
    with pytest.raises(SourceUnavailableError, match="ReadTimeoutError"):
        stage_recipe(url, into, allow_local=False, networks=LOOPBACK)


def test_a_slow_server_is_given_up(server: FileServer, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_SECONDS", 0.1)
    url = archive(server, "r.tar.gz", top="")
    server.delay = 0.2
    with pytest.raises(SourceUnavailableError, match="longer than 0 seconds"):
        stage_recipe(url, into, allow_local=False, networks=LOOPBACK)


def test_an_archive_too_large_is_refused_before_it_is_all_read(
    server: FileServer, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_BYTES", 1024 * 1024)
    (server.directory / "big.tar.gz").write_bytes(bytes(5 * 1024 * 1024))
    with pytest.raises(InvalidRequestError, match="more than 1 MiB"):
        stage_recipe(f"{server.url}/big.tar.gz", into, allow_local=False, networks=LOOPBACK)
    assert not any(into.iterdir())


def test_a_damaged_archive_is_an_invalid_recipe(server: FileServer, into: Path) -> None:
    url = archive(server, "r.tar.gz", top="")
    whole = (server.directory / "r.tar.gz").read_bytes()
    (server.directory / "r.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidRecipeError):
        stage_recipe(url, into, allow_local=False, networks=LOOPBACK)
    assert not any(into.iterdir())


def test_an_archive_that_escapes_is_refused(server: FileServer, into: Path, tmp_path: Path) -> None:
    write_recipe(tmp_path / "r")
    with tarfile.open(server.directory / "evil.tgz", "w:gz") as made:
        made.add(tmp_path / "r", "r")
        made.add(tmp_path / "r" / "recipe.sh", "../../escaped")
    with pytest.raises(InvalidRecipeError):
        stage_recipe(f"{server.url}/evil.tgz", into, allow_local=False, networks=LOOPBACK)
    assert not any(into.iterdir())


def test_a_full_disk_leaves_no_staged_files(server: FileServer, into: Path) -> None:
    write_recipe(server.directory / "r")
    server.listings = True
    with largest_file(100_000), pytest.raises(StorageUnavailableError, match="no room left on the disk"):
        stage_recipe(f"{server.url}/r", into, allow_local=False, networks=LOOPBACK)
    assert not any(into.iterdir())


def test_a_redirect_is_followed(server: FileServer, into: Path) -> None:
    url = archive(server, "r.zip", top="")
    server.routes["/latest.zip"] = lambda _: Answer(status=302, headers={"Location": url})
    assert (
        content(stage_recipe(f"{server.url}/latest.zip", into, allow_local=False, networks=LOOPBACK)) == FILES
    )


@pytest.mark.parametrize("location", ["http://", "https:///x.zip", "http://a..b/r.zip", "http://[::1/r.zip"])
def test_a_url_that_is_none_is_refused(into: Path, location: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"is not a (valid )?URL"):
        stage_recipe(location, into, allow_local=False, networks=LOOPBACK)
