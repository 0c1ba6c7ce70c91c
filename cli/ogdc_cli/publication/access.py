"""The token with which a user publishes."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from ogdc_cli.client_variables import ClientVariables
from ogdc_local.stack.private import PrivateFiles
from ogdc_shared.dataone.token import Token, read_token
from ogdc_shared.errors import UnauthenticatedError
from ogdc_shared.servers.credentials import TOKENS, Credentials
from ogdc_shared.variables import read_variable


def find_token(url: str, environ: Mapping[str, str] = os.environ, *, now: float | None = None) -> Token:
    """Return the user's token for a node: from DATAONE_TOKEN, or from their file of tokens by its host.

    Raises:
        UnauthenticatedError: there is none, or it has expired.
        UnusableInputError: the file is malformed.
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
            f"Publishing at {url} requires a token. Copy yours from the repository (My Profile, Settings, "
            f"Authentication Token) into {files.config / TOKENS} as a line `{urlsplit(url).hostname} TOKEN`, "
            f"and chmod 600 the file; or set DATAONE_TOKEN. {known.note}".rstrip()
        )
    return shown.removeprefix("Bearer ")
