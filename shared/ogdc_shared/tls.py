"""Verifying TLS servers with a given certificate authority."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ssl import SSLContext


def checking(ca_file: str | None) -> dict[str, Any]:
    """Make options of urllib3's pools that check certificates; None: by the system's authorities.

    Raises:
        SSLError: as `context_for`.
    """
    return {"cert_reqs": "CERT_REQUIRED", "ssl_context": context_for(ca_file) if ca_file else None}


def context_for(ca_file: str) -> SSLContext:
    """Verify certificates by the authorities in a file: chain, times and host name, but not their form.

    Python 3.13 refuses certificates that lack extensions which RFC 5280 wants (VERIFY_X509_STRICT), such as
    those of many clusters' own authorities, EKS's among them. No public authority leaves them out.

    Raises:
        SSLError: urllib3's; the file cannot be read, or holds no certificate.
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
