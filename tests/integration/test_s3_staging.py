from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_shared.errors import InvalidRequestError, RecipeNotFoundError, SourceUnavailableError
from ogdc_shared.recipe_sources.staging import stage_recipe
from ogdc_shared.storage.s3 import S3Store
from support.http import closed_port
from support.recipe_files import FILES, content, write_recipe
from support.s3 import S3Server, s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server(bucket="recipes") as running:
        yield running


@pytest.fixture(autouse=True)
def environment(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


@pytest.fixture(autouse=True, scope="module")
def recipe(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small recipe, in the bucket as a directory and as an archive."""
    made = tmp_path_factory.mktemp("recipe")
    directory = write_recipe(made / "recipe")
    store = S3Store(server.settings)
    for name in FILES:
        store.put(f"some/small/{name}", directory / name)
    store.put("some/small-not/meta.yml", b"another recipe")
    store.put("packed.tar.gz", Path(shutil.make_archive(str(made / "packed"), "gztar", directory)))
    return directory


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "into"


@pytest.mark.parametrize("location", ["s3://recipes/some/small", "S3://recipes/some/small/"])
def test_a_directory_is_copied(into: Path, location: str) -> None:
    assert content(stage_recipe(location, into, allow_local=False)) == FILES


def test_an_archive_is_unpacked(into: Path) -> None:
    assert content(stage_recipe("s3://recipes/packed.tar.gz", into, allow_local=False)) == FILES


@pytest.mark.parametrize(
    "location",
    ["s3://recipes/none", "s3://recipes/none.tar.gz", "s3://no-such-bucket/x", "s3://no-such-bucket/x.zip"],
)
def test_what_is_not_there_is_not_found(into: Path, location: str) -> None:
    with pytest.raises(RecipeNotFoundError, match=location):
        stage_recipe(location, into, allow_local=False)
    assert list(into.iterdir()) == []


def test_several_recipes_are_named(into: Path) -> None:
    with pytest.raises(InvalidRequestError, match="Give one of them: small, small-not"):
        stage_recipe("s3://recipes/some", into, allow_local=False)


@pytest.mark.parametrize("location", ["s3://", "s3:///x", "s3://../x", "s3://a b/x"])
def test_a_location_without_a_bucket_is_refused(into: Path, location: str) -> None:
    with pytest.raises(InvalidRequestError, match="s3://BUCKET/PATH"):
        stage_recipe(location, into, allow_local=False)


def test_a_name_that_escapes_is_refused(into: Path) -> None:
    import boto3

    client = boto3.client("s3", region_name="us-east-1")
    client.put_object(Bucket="recipes", Key="evil/meta.yml", Body=b"name: x")
    client.put_object(Bucket="recipes", Key="evil/a\tb", Body=b"x")
    with pytest.raises(InvalidRequestError, match="cannot be the name of a recipe's file"):
        stage_recipe("s3://recipes/evil", into, allow_local=False)
    assert list(into.iterdir()) == []


def test_without_credentials_requests_are_anonymous(into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(RecipeNotFoundError, match=r"cannot be read \(AccessDenied\)"):
        stage_recipe("s3://recipes/some/small", into, allow_local=False)


def test_an_unreachable_s3_is_a_temporary_failure(into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        with pytest.raises(SourceUnavailableError, match="EndpointConnectionError"):
            stage_recipe("s3://recipes/some/small", into, allow_local=False)
