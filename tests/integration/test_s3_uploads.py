"""Uploaded objects of a private bucket, in a real object store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from ogdc_shared.config import Settings, UploadSettings, WorkerSettings
from ogdc_shared.context import Context
from ogdc_shared.errors import ConfigurationError, InvalidRecipeError, RecipeNotFoundError, UnsupportedError
from ogdc_shared.recipe.bundle import unpack
from ogdc_shared.triggers.notifications import ObjectCreated, read_uploads
from ogdc_shared.triggers.objects import object_url, recipe_bundle
from ogdc_shared.triggers.watching import validators_of
from support import uploads
from support.runs import bundle, recipe_files
from support.s3 import S3Server, s3_server
from support.uploads import Object

DAY = 86_400


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server(bucket="uploads") as running:
        yield running


@pytest.fixture
def settings(server: S3Server) -> Settings:
    storage = server.settings._replace(bucket="argo-workflows")
    return Settings(storage=storage, uploads=UploadSettings(buckets=("uploads",)))


@pytest.fixture
def s3(server: S3Server) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
    )


def created(key: str, **facts: Any) -> ObjectCreated:
    event = uploads.minio(Object(key=key))
    (upload,) = read_uploads(event.headers, event.body).uploads
    return upload._replace(**facts)


def get(url: str) -> urllib3.BaseHTTPResponse:
    with urllib3.PoolManager(retries=False, timeout=10.0) as pool:
        return pool.request("GET", url)


def test_a_run_reads_one_object_without_any_key(server: S3Server, settings: Settings, s3: Any):
    s3.put_object(Bucket="uploads", Key="in/sea ice+snow.csv", Body=b"x,y\n")
    s3.put_object(Bucket="uploads", Key="in/secret", Body=b"s")

    url = object_url(created("in/sea ice+snow.csv"), settings=settings, base_url="https://not.asked")

    assert get(url).data == b"x,y\n"
    assert url.startswith(f"{server.url}/uploads/in/sea%20ice%2Bsnow.csv?")
    assert get(url.replace("sea%20ice%2Bsnow.csv", "secret")).status == 403
    assert get(url.partition("?")[0]).status == 403


@pytest.mark.parametrize(("timeout", "seconds"), [(3600, 3600 + DAY), (30 * DAY, 7 * DAY)])
def test_a_link_is_valid_longer_than_the_workflow_if_s3_allows_it(
    settings: Settings, timeout: int, seconds: int
):
    url = object_url(
        created("a"), settings=settings._replace(worker=WorkerSettings(timeout=timeout)), base_url=None
    )

    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == [str(seconds)]


def test_a_link_is_for_the_version_that_was_uploaded(settings: Settings):
    url = object_url(created("a", version="v 1"), settings=settings, base_url=None)

    assert parse_qs(urlsplit(url).query)["versionId"] == ["v 1"]


def test_the_key_is_not_used_for_other_buckets(settings: Settings):
    with pytest.raises(UnsupportedError, match="OGDC_UPLOAD_BUCKETS"):
        object_url(created("a", bucket="private"), settings=settings, base_url=None)
    assert recipe_bundle(created("a.zip", bucket="private"), settings=settings) is None


def test_without_a_key_no_links_are_signed(settings: Settings):
    keyless = settings._replace(storage=settings.storage._replace(access_key=None))

    with pytest.raises(ConfigurationError, match="S3_SECRET_KEY_ID"):
        object_url(created("a"), settings=keyless, base_url=None)


@pytest.mark.parametrize("key", ["recipes/seals.tar.gz", "recipes/seals/meta.yml"])
def test_a_recipe_is_read_with_the_key(settings: Settings, s3: Any, tmp_path: Path, key: str):
    s3.put_object(Bucket="uploads", Key="recipes/seals.tar.gz", Body=bundle(recipe_files()))
    for name, text in recipe_files().items():
        s3.put_object(Bucket="uploads", Key=f"recipes/seals/{name}", Body=text.encode())

    packed = recipe_bundle(created(key), settings=settings)

    assert packed is not None
    unpack(packed, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == recipe_files()


def test_a_removed_recipe_in_s3_is_reported(settings: Settings):
    with pytest.raises(RecipeNotFoundError):
        recipe_bundle(created("recipes/gone.zip"), settings=settings)


def test_a_recipe_in_the_root_of_a_bucket_is_rejected(settings: Settings):
    with pytest.raises(InvalidRecipeError, match="root"):
        recipe_bundle(created("meta.yml"), settings=settings)


def test_a_listing_changes_with_the_objects_below_its_prefix(settings: Settings, s3: Any):
    def ask(place: str) -> str:
        return validators_of(Context(settings), [place])[place]

    s3.put_object(Bucket="uploads", Key="seen/a.csv", Body=b"1")
    before = ask("s3://uploads/seen/")
    s3.put_object(Bucket="uploads", Key="other/b.csv", Body=b"1")
    assert ask("s3://uploads/seen/") == before

    s3.put_object(Bucket="uploads", Key="seen/a.csv", Body=b"2")
    changed = ask("s3://uploads/seen/")
    assert changed != before
    s3.delete_object(Bucket="uploads", Key="seen/a.csv")
    assert ask("s3://uploads/seen/") not in {before, changed}
