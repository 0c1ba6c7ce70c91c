from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_shared.errors import (
    InvalidRequestError,
    RecipeNotFoundError,
    SourceUnavailableError,
    UnsupportedError,
)
from ogdc_shared.recipe_sources.staging import stage_recipe
from support.github import serve_github
from support.http import FileServer, closed_port
from support.recipe_files import FILES, content, write_recipe

LOCATION = "github://some-org:some.repo@v1.2/recipes/small"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    repository = tmp_path / "repository"
    write_recipe(repository / "recipes" / "small")
    (repository / "README.md").write_text("readme")
    with FileServer(repository) as running:
        serve_github(running, monkeypatch, org="some-org", repo="some.repo", ref="v1.2")
        yield running


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "into"


def test_a_directory_of_a_repository_is_copied(server: FileServer, into: Path) -> None:
    assert content(stage_recipe(LOCATION, into, allow_local=False)) == FILES


def test_the_directory_above_will_do(server: FileServer, into: Path) -> None:
    staged = stage_recipe("github://some-org:some.repo@v1.2/recipes/", into, allow_local=False)
    assert (staged, content(staged)) == (into / "small", FILES)


def test_a_branch_that_moved_is_read_anew(server: FileServer, into: Path, tmp_path: Path) -> None:
    stage_recipe(LOCATION, into, allow_local=False)
    recipe = server.directory / "recipes" / "small"
    (recipe / "meta.yml").write_text("name: Newer\n")
    (recipe / "data" / "big.bin").unlink()
    staged = stage_recipe(LOCATION, tmp_path / "again", allow_local=False)
    assert (staged / "meta.yml").read_text() == "name: Newer\n"
    assert not (staged / "data" / "big.bin").exists()


def test_what_is_not_there_is_not_found(server: FileServer, into: Path) -> None:
    for location in (LOCATION + "r", LOCATION.replace("v1.2", "v1.3"), LOCATION.replace("some-org", "other")):
        with pytest.raises(RecipeNotFoundError, match="does not exist"):
            stage_recipe(location, into, allow_local=False)
        assert list(into.iterdir()) == []


def test_a_file_is_not_a_recipe(server: FileServer, into: Path) -> None:
    with pytest.raises(RecipeNotFoundError, match=r"no meta\.yml"):
        stage_recipe(f"{LOCATION}/recipe.sh", into, allow_local=False)


@pytest.mark.parametrize(
    "location",
    [
        "github://",
        "github://org/repo",
        "github://org:repo/path",
        "github://org@main/path",
        "github://../..:x@main/",
        "github://org:repo@main?x",
        "github://o:r@main:80/x",
    ],
)
def test_any_other_form_is_refused(into: Path, location: str) -> None:
    with pytest.raises(InvalidRequestError, match="github://ORGANISATION:REPOSITORY@REF/PATH"):
        stage_recipe(location, into, allow_local=False)


def test_a_chain_of_locations_is_refused(into: Path) -> None:
    with pytest.raises(InvalidRequestError, match="chained"):
        stage_recipe(f"{LOCATION}::file:///etc", into, allow_local=False)


def test_a_rate_limit_is_a_temporary_failure(server: FileServer, into: Path) -> None:
    server.fail(9, status=403)
    with pytest.raises(SourceUnavailableError, match=r"refuses it \(403\).*asked too often"):
        stage_recipe(LOCATION, into, allow_local=False)


def test_an_unreachable_github_is_a_temporary_failure(
    server: FileServer, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closed_port() as url:
        monkeypatch.setattr("fsspec.implementations.github.GithubFileSystem.url", url)
        with pytest.raises(SourceUnavailableError, match=r"cannot be read \(ConnectionError\)"):
            stage_recipe(LOCATION, into, allow_local=False)


def test_a_file_too_large_for_the_api_says_what_is_missing(
    server: FileServer, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    (server.directory / "recipes" / "small" / "data" / "big.bin").write_bytes(bytes(1_200_000))
    with pytest.raises(UnsupportedError, match=r"fsspec\[http\]"):
        stage_recipe(LOCATION, into, allow_local=False)
    assert list(into.iterdir()) == []


def test_a_scheme_whose_package_is_missing_says_so(into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(UnsupportedError, match=r"gs://bucket/recipe: .*install gcsfs"):
        stage_recipe("gs://bucket/recipe", into, allow_local=False)


def test_staging_imports_nothing_slow_at_start() -> None:
    check = "import sys, ogdc_shared.recipe_sources.staging, ogdc_shared.storage.store; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    heavy = {"boto3", "botocore", "fsspec", "requests", "urllib3", "pydantic", "yaml", "tarfile"}
    assert not heavy & set(done.stdout.split())
