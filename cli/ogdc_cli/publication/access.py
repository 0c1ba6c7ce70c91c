"""Who publishes, and by which connections."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ogdc_cli.client_variables import ClientVariables
from ogdc_cli.login.logins import is_loopback
from ogdc_cli.settings import CA_FILES
from ogdc_local.stack.private import PrivateFiles
from ogdc_shared.dataone.token import Token, read_token
from ogdc_shared.errors import UnauthenticatedError
from ogdc_shared.servers.credentials import TOKENS, Credentials
from ogdc_shared.servers.proxies import proxy_of
from ogdc_shared.variables import read_variable

if TYPE_CHECKING:
    import urllib3

_CURATORS = {"arcticdata.io": "CN=arctic-data-admins,DC=dataone,DC=org"}
"""Subjects that a repository's own tools let change what is published there, by its domain."""
_CONNECT_SECONDS, _READ_SECONDS = 20, 900
"""A node computes the checksum of an object, and may store it elsewhere, before it answers."""


def find_token(url: str, environ: Mapping[str, str] = os.environ, *, now: float | None = None) -> Token:
    """The user's token for a node, read anew: of DATAONE_TOKEN, or for its host of their file of tokens.

    Raises:
        UnauthenticatedError: there is none, or it is over.
        UnusableInputError: the file cannot be understood.
    """
    text = read_variable(ClientVariables, "dataone_token", environ) or _kept(url, environ)
    token = read_token(text)
    token.check(now=time.time() if now is None else now)
    return token


def _kept(url: str, environ: Mapping[str, str]) -> str:
    files = PrivateFiles.from_env(environ)
    known = Credentials.of_files(files.tokens())
    shown = known.authorization(url, asked=url, encrypted=False) or ""
    if not shown.startswith("Bearer "):
        raise UnauthenticatedError(
            f"Publishing at {url} takes a token. Copy yours from the repository (My Profile, Settings, "
            f"Authentication Token) into {files.config / TOKENS} as a line `{urlsplit(url).hostname} TOKEN`, "
            f"and chmod 600 the file; or set DATAONE_TOKEN. {known.note}".rstrip()
        )
    return shown.removeprefix("Bearer ")


def writers_at(url: str, *, holder: str, subject: str) -> tuple[str, ...]:
    """Who may change an object beside its rights holder: who publishes it, and the repository's curators.

    A publisher that is not the rights holder could not even read back what they sent.
    """
    host = urlsplit(url).hostname or ""
    curators = [who for domain, who in _CURATORS.items() if host == domain or host.endswith(f".{domain}")]
    return tuple(who for who in (*curators, subject) if who != holder)


def connections(url: str, *, most: int, environ: Mapping[str, str] = os.environ) -> urllib3.PoolManager:
    """Connections to a node, at most so many of which are kept."""
    import urllib3

    ca_file = next((environ[name] for name in CA_FILES if environ.get(name)), None)
    chosen: dict[str, Any] = {
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": ca_file,
        "maxsize": most,
        "timeout": urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
    }
    proxy = None if is_loopback(url) else proxy_of(url)
    return urllib3.ProxyManager(proxy, **chosen) if proxy else urllib3.PoolManager(**chosen)
