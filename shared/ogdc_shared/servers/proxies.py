"""Choosing a proxy from http_proxy, https_proxy and no_proxy, for wget and curl as well."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from ogdc_shared.servers.loopback import is_loopback

_NAMES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
PROXY_VARIABLES = (*_NAMES, *map(str.upper, _NAMES))
"""Both spellings, since some programs only use one."""


def proxy_of(url: str) -> str | None:
    """Return the proxy for a URL, or None."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None  # avoids an import of several milliseconds
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme.lower())


def remote_proxy(url: str) -> str | None:
    """The same, but that none is asked for what this machine itself has."""
    return None if is_loopback(url) else proxy_of(url)
