"""Where the command line finds its API and its token; the environment variables are the existing client's."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ogdc_shared.errors import ConfigurationError
from ogdc_shared.variables import FLAG

_API_URLS = {
    "local": "https://localhost:7443/api",
    "dev": "https://ogdc.test.dataone.org/api",
}
_PRODUCTION_URL = "https://ogdc.dataone.org/api"
_CA_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class ClientSettings(NamedTuple):
    """What a call to the API needs to know."""

    api_url: str
    """Without a trailing slash."""
    verify_tls: bool
    token_file: Path
    user: str
    """The name sent along to a deployment in `open` mode, which takes it on trust."""
    is_named: bool = False
    """Whether the environment names the deployment."""
    by_default: bool = False
    """True: nothing names a deployment and no local stack is up, so `api_url` is the production service's."""
    ca_file: str | None = None
    """Certificates to trust; None: the system's."""
    token: str | None = None
    """OGDC_TOKEN, which goes before what is kept."""
    plain_http: bool = False
    """Whether tokens may be sent to other machines without encryption."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> ClientSettings:
        """Read OGDC_API_URL, ENVIRONMENT, OGDC_TOKEN, TOKEN_CACHE_FILE and OGDC_PLAIN_HTTP.

        Without the first two a local stack is asked where one is up.

        Raises:
            ConfigurationError: a value cannot be used.
        """
        env = os.environ if environ is None else environ
        environment = env.get("ENVIRONMENT", "")
        named = env.get("OGDC_API_URL") or (environment and _API_URLS.get(environment, _PRODUCTION_URL))
        url, by_default = (named, False) if named else _found_url(env)
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError(f"OGDC_API_URL={url!r}: give a URL such as {_PRODUCTION_URL}.")
        return cls(
            api_url=url.rstrip("/"),
            verify_tls=environment != "local",
            token_file=_token_file(env),
            user=_user(env),
            is_named=bool(named),
            by_default=by_default,
            ca_file=next((env[name] for name in _CA_FILES if env.get(name)), None),
            token=_token(env),
            plain_http=FLAG.read("OGDC_PLAIN_HTTP", env.get("OGDC_PLAIN_HTTP") or "false"),
        )

    @property
    def is_local_stack(self) -> bool:
        """Whether it is the stack on this machine, found by itself."""
        return not (self.is_named or self.by_default)

    def at_stack(self, url: str) -> ClientSettings:
        """These settings for the local stack, which gets no token of a deployment that is named."""
        token = None if self.is_named else self.token
        return self._replace(api_url=url, by_default=False, is_named=False, token=token)


def _found_url(env: Mapping[str, str]) -> tuple[str, bool]:
    """The local stack's URL where it is up, else the production service's; and whether it is the latter."""
    from ogdc_local.stack.control import current
    from ogdc_local.stack.paths import StatePaths

    stack = current(StatePaths.from_env(env))
    return (_PRODUCTION_URL, True) if stack is None else (stack.url, False)


def _token_file(env: Mapping[str, str]) -> Path:
    if chosen := env.get("TOKEN_CACHE_FILE"):
        return Path(chosen).expanduser()
    return Path.home() / ".config" / "ogdc" / "tokens.json"


def _token(env: Mapping[str, str]) -> str | None:
    """OGDC_TOKEN without the line break that pasted secrets end with."""
    token = env.get("OGDC_TOKEN", "").strip()
    if token and not _fits_header(token):
        raise ConfigurationError("OGDC_TOKEN holds characters that no token has. Copy the token anew.")
    return token or None


def _user(env: Mapping[str, str]) -> str:
    if chosen := env.get("OGDC_USER"):
        if not _fits_header(chosen):
            raise ConfigurationError(f"OGDC_USER={chosen!r}: give printable ASCII characters.")
        return chosen
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user id without an account
        return str(os.getuid())
    return name.encode("ascii", "replace").decode()


def _fits_header(text: str) -> bool:
    return text.isascii() and text.isprintable() and bool(text.strip())
