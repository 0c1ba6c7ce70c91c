"""A certificate that nobody trusts, unless it is named."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest


class Certificate(NamedTuple):
    """A server's certificate for 127.0.0.1, signed by itself."""

    path: Path
    """What a client that is to trust it needs."""
    context: ssl.SSLContext
    """What a server that shows it needs."""


def self_signed(directory: Path) -> Certificate:
    """Make a certificate; the test is skipped where there is no openssl."""
    path, key = directory / "server.pem", directory / "server.key"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    try:
        subprocess.run([*command, *subject, "-keyout", key, "-out", path], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return Certificate(path, context)
