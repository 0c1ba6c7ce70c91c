"""Verifying TLS servers with a given certificate authority."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

CA_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables of OpenSSL, requests and curl with a file of trusted certificates; the first of them counts."""


def ca_file_of(environ: Mapping[str, str]) -> str | None:
    """Return the file of trusted certificates that the environment names, or None."""
    return next((environ[name] for name in CA_FILES if environ.get(name)), None)


def checking(ca_file: str | None) -> dict[str, Any]:
    """Return options for urllib3's pools to verify certificates; None means with the system's authorities.

    Raises:
        SSLError: as for `context_for`.
    """
    return {"cert_reqs": "CERT_REQUIRED", "ssl_context": context_for(ca_file) if ca_file else None}


def context_for(ca_file: str) -> SSLContext:
    """Return a context that verifies chain, dates and host name with the authorities in a file.

    Python 3.13 also rejects certificates that lack extensions required by RFC 5280 (VERIFY_X509_STRICT), such
    as those of many clusters, including EKS. This is not done here, since such a file is for private
    authorities.

    Raises:
        SSLError: urllib3's; the file cannot be read, or contains no certificate.
    """
    from ssl import VERIFY_X509_STRICT

    from urllib3.exceptions import SSLError
    from urllib3.util import create_urllib3_context

    context = create_urllib3_context()
    context.verify_flags &= ~VERIFY_X509_STRICT
    try:
        context.load_verify_locations(ca_file)
    except OSError as exc:
        raise SSLError(f"{ca_file}: {exc}") from exc
    return context
