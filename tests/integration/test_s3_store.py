from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from ogdc_shared.config import StorageSettings
from ogdc_shared.errors import ConfigurationError, StorageUnavailableError
from ogdc_shared.storage.opening import open_store
from ogdc_shared.storage.s3 import S3Store
from support.http import FileServer, closed_port
from support.s3 import S3Server, s3_server
from support.store_contract import StoreContract


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture(scope="module")
def cleaner(server: S3Server) -> S3Store:
    """What empties the bucket, with one client for all: making one takes longer than most tests."""
    return S3Store(server.settings)


@pytest.fixture
def store(server: S3Server, cleaner: S3Store) -> Iterator[S3Store]:
    store = open_store(server.settings)
    assert isinstance(store, S3Store)
    yield store
    cleaner.delete_prefix("runs/")


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False, timeout=10.0) as pool:
        yield pool


class TestS3Store(StoreContract):
    pass


def test_a_link_is_valid_only_at_the_public_address(
    server: S3Server, store: S3Store, http: urllib3.PoolManager
) -> None:
    store.put("runs/a/output/a b.zip", b"content")
    url = store.link("runs/a/output/a b.zip", seconds=60)
    assert url.startswith(f"{server.public_url}/{server.bucket}/runs/a/output/a%20b.zip?")
    assert http.request("GET", url).data == b"content"
    assert http.request("GET", url.replace(server.public_url, server.url)).status == 403


def test_a_changed_or_expired_link_is_refused(store: S3Store, http: urllib3.PoolManager) -> None:
    store.put("runs/a/x", b"x")
    store.put("runs/a/y", b"y")
    url = store.link("runs/a/x", seconds=1)
    assert http.request("GET", url.replace("/runs/a/x?", "/runs/a/y?")).status == 403
    time.sleep(2.1)
    assert http.request("GET", url).status == 403


def test_a_link_for_longer_than_s3_allows_is_shortened(store: S3Store, http: urllib3.PoolManager) -> None:
    store.put("runs/a/x", b"x")
    assert http.request("GET", store.link("runs/a/x", seconds=10**8)).data == b"x"


def test_deleting_covers_all_pages_of_a_listing(store: S3Store) -> None:
    asked = []

    def by_twos(params: dict[str, Any], **_: object) -> dict[str, Any]:
        asked.append(params)
        return params | {"MaxKeys": 2}

    keys = [f"runs/many/partitions/{number}.json" for number in range(5)]
    for key in keys:
        store.put(key, b"{}")
    store._client.meta.events.register("provide-client-params.s3.ListObjectsV2", by_twos)
    store.delete_prefix("runs/many/")
    assert len(asked) == 3
    assert [store.size(key) for key in keys] == [None] * 5


def test_wrong_credentials_are_a_configuration_error(server: S3Server) -> None:
    store = S3Store(server.settings._replace(secret_key="wrong"))
    for use in (lambda: store.put("runs/a", b""), lambda: store.get("runs/a"), lambda: store.size("runs/a")):
        with pytest.raises(ConfigurationError, match="S3_SECRET_KEY_KEY"):
            use()


def test_a_missing_bucket_is_named(server: S3Server) -> None:
    with pytest.raises(ConfigurationError, match="OGDC_S3_BUCKET='no-such-bucket'"):
        S3Store(server.settings._replace(bucket="no-such-bucket")).get("runs/a")


def test_missing_credentials_are_a_configuration_error(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    store = S3Store(server.settings._replace(access_key=None, secret_key=None))
    for use in (lambda: store.get("runs/a"), lambda: store.link("runs/a", seconds=1)):
        with pytest.raises(ConfigurationError, match="S3_SECRET_KEY_ID"):
            use()


def settings(endpoint: str) -> StorageSettings:
    return StorageSettings(access_key="a", secret_key="b", internal_endpoint=endpoint)


def test_a_store_that_is_away_is_unavailable(tmp_path: Path) -> None:
    with closed_port() as url:
        store = S3Store(settings(url))
        with pytest.raises(StorageUnavailableError, match=r"did not answer about 'runs/a' \(EndpointConn"):
            store.put("runs/a", b"x")
        with pytest.raises(StorageUnavailableError):
            store.fetch("runs/a", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_temporary_failures_are_retried_and_permanent_ones_reported(tmp_path: Path) -> None:
    bucket = tmp_path / "argo-workflows"
    bucket.mkdir()
    (bucket / "a").write_bytes(b"content")
    with FileServer(tmp_path) as server:
        store = S3Store(settings(server.url))
        server.fail(2)
        assert store.get("a") == b"content"
        server.fail(9)
        with pytest.raises(StorageUnavailableError, match=r"failed on artifact 'a' \(503\)"):
            store.get("a")
        assert len(server.requests) == 6


def test_a_truncated_response_is_unavailable(tmp_path: Path) -> None:
    bucket = tmp_path / "argo-workflows"
    bucket.mkdir()
    (bucket / "a").write_bytes(bytes(100_000))
    with FileServer(tmp_path) as server:
        server.drop(9, after=1000)
        with pytest.raises(StorageUnavailableError, match="did not answer"):
            S3Store(settings(server.url)).get("a")


def test_an_invalid_endpoint_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="'minio' is not the URL"):
        S3Store(settings("minio")).get("a")
