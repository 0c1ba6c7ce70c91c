"""An authority that the operator names vouches, whatever the form of its certificates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from ssl import VERIFY_X509_STRICT, SSLContext

import pytest
import urllib3
from urllib3.exceptions import SSLError

from ogdc_shared.tls import checking, context_for
from support.certificates import Certificate, issued_by_a_cluster
from support.http import FileServer

strict = urllib3.util.create_urllib3_context


@pytest.fixture(autouse=True)
def newest_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contexts begin as those of Python 3.13 do."""

    def make() -> SSLContext:
        context = strict()
        context.verify_flags |= VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(urllib3.util, "create_urllib3_context", make)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return issued_by_a_cluster(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def server(tmp_path: Path, certificate: Certificate) -> Iterator[FileServer]:
    (tmp_path / "keys").write_text("{}")
    with FileServer(tmp_path, tls=certificate.context) as server:
        yield server


def status(url: str, context: SSLContext) -> int:
    with urllib3.PoolManager(ssl_context=context) as pool:
        return pool.request("GET", f"{url}/keys", retries=False).status


def test_a_certificate_that_lacks_what_the_newest_python_wants_is_taken(
    server: FileServer, certificate: Certificate
):
    refusing = urllib3.util.create_urllib3_context()
    refusing.load_verify_locations(certificate.path)
    with pytest.raises(SSLError, match="certificate verify failed"):
        status(server.url, refusing)

    assert status(server.url, context_for(str(certificate.path))) == 200


def test_a_certificate_of_another_authority_or_name_is_rejected(
    server: FileServer, certificate: Certificate, tmp_path: Path
):
    with pytest.raises(SSLError):
        status(server.url, context_for(str(issued_by_a_cluster(tmp_path).path)))
    with pytest.raises(SSLError, match="localhost"):
        status(server.url.replace("127.0.0.1", "localhost"), context_for(str(certificate.path)))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: str | None):
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(SSLError, match=r"authority\.pem"):
        context_for(str(path))


def test_without_a_file_the_systems_authorities_count(server: FileServer):
    with urllib3.PoolManager(**checking(None)) as pool, pytest.raises(SSLError):
        pool.request("GET", server.url, retries=False)
