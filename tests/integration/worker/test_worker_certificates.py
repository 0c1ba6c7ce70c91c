"""Servers with trusted and untrusted certificates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_shared import connections
from ogdc_shared.errors import InputNotFoundError
from ogdc_shared.servers.response import InterruptedFetchError
from ogdc_shared.servers.web import Web
from support.certificates import Certificate, self_signed
from support.http import FileServer
from support.trickle import trickling_headers


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return self_signed(tmp_path)


@pytest.fixture
def server(tmp_path: Path, certificate: Certificate) -> Iterator[FileServer]:
    (tmp_path / "a.csv").write_text("a\n1\n")
    with FileServer(tmp_path, tls=certificate.context) as server:
        yield server


def test_an_untrusted_certificate_is_a_permanent_failure(server: FileServer) -> None:
    url = f"{server.url}/a.csv"
    with pytest.raises(
        InputNotFoundError, match=r"not trusted \(self.signed certificate\).*SSL_CERT_FILE"
    ) as caught:
        Web(threads=1).open(url)
    assert url in str(caught.value)


def test_a_certificate_for_another_name_is_a_permanent_failure(
    server: FileServer, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    with pytest.raises(InputNotFoundError, match=r"not trusted.*localhost"):
        Web(threads=1).open(server.url.replace("127.0.0.1", "localhost"))


def test_certificate_in_the_users_file_is_trusted(
    server: FileServer, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    assert b"".join(Web(threads=1).open(f"{server.url}/a.csv").pieces) == b"a\n1\n"


def test_headers_that_never_end_are_cut_off_of_encrypted_connections_too(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.3)
    with trickling_headers(every=0.05, tls=certificate.context) as url, pytest.raises(InterruptedFetchError):
        Web(threads=1).open(f"{url}/a.tif")
