"""Detecting URLs of this machine, and URLs with traffic that nobody can read on the way."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine itself."""
    return urlsplit(url).hostname in _LOOPBACK


def is_private(url: str) -> bool:
    """Whether nobody else can read what is sent: it uses https, or stays on this machine."""
    scheme = urlsplit(url).scheme
    return scheme == "https" or (scheme == "http" and is_loopback(url))
