"""A cluster to install on: Knative, Argo and the rest have to be there already (docs/install.md)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.cluster import Cluster
from support.installed import NAMESPACE, Installed, install, reached

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster that OGDC_TEST_KUBECONFIG leads to."""
    kubeconfig = os.environ.get("OGDC_TEST_KUBECONFIG")
    if not kubeconfig:
        pytest.skip("OGDC_TEST_KUBECONFIG names no kubeconfig of a disposable cluster")
    return Cluster(Path(kubeconfig).expanduser())


@pytest.fixture(scope="session")
def installed(cluster: Cluster) -> Iterator[Installed]:
    """The local overlay; it is left there afterwards."""
    install(cluster)
    with reached(cluster) as installed:
        yield installed


@pytest.fixture(scope="session")
def s3(cluster: Cluster, installed: Installed) -> Iterator[S3Client]:
    """The object store, at the address that download links have."""
    import boto3

    key = cluster.secret(NAMESPACE, "ogdc-storage")
    with cluster.forwarded(NAMESPACE, "service/s3", 8333, local=8333) as port:
        yield boto3.client(
            "s3",
            endpoint_url=f"http://localhost:{port}",
            region_name="us-east-1",
            aws_access_key_id=key["S3_SECRET_KEY_ID"],
            aws_secret_access_key=key["S3_SECRET_KEY_KEY"],
        )


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str]) -> Callable[[str, float], None]:
    """Print what was measured, also where the test passes."""

    def say(what: str, value: float) -> None:
        with capsys.disabled():
            print(f"\n{what}: {value:.3f}")

    return say
