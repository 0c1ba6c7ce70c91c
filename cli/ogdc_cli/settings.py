"""Settings of the command line: URL of the API, and token."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ogdc_cli.client_variables import PRODUCTION_URL, ClientVariables
from ogdc_local.stack.machine_user import machine_user
from ogdc_shared.tls import ca_file_of
from ogdc_shared.variables import read_variable, variables

_API_URLS = {
    "local": "https://localhost:7443/api",
    "dev": "https://ogdc.test.dataone.org/api",
}


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
    """Whether the production service is used: no deployment is named and no local stack runs."""
    ca_file: str | None = None
    """CA certificates to trust; None means the system's."""
    token: str | None = None
    """OGDC_TOKEN, which takes precedence over a stored login."""
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
        environment = read_variable(ClientVariables, "environment", env)
        named = _given("api_url", env) or _url_of(environment)
        url, by_default = (named, False) if named else _found_url(env)
        return cls(
            api_url=url.rstrip("/"),
            verify_tls=environment != "local",
            token_file=_token_file(env),
            user=_user(env),
            is_named=bool(named),
            by_default=by_default,
            ca_file=ca_file_of(env),
            token=_token(env),
            plain_http=read_variable(ClientVariables, "plain_http", env),
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
    """Return the URL of the running local stack, else of production; and whether it is the latter."""
    from ogdc_local.stack.control import current
    from ogdc_local.stack.paths import StatePaths

    stack = current(StatePaths.from_env(env))
    return (PRODUCTION_URL, True) if stack is None else (stack.url, False)


def _given(field: str, env: Mapping[str, str]) -> str | None:
    """Read a variable that is never blank by intention: a call would go elsewhere, or in another's name."""
    variable = dict(variables(ClientVariables))[field]
    if not (text := env.get(variable.name)):
        return None
    value: str = variable.kind.read(variable.name, text.strip())
    return value


def _url_of(environment: str | None) -> str | None:
    """The deployment of a name, as the existing client finds it."""
    return _API_URLS.get(environment, PRODUCTION_URL) if environment else None


def _token_file(env: Mapping[str, str]) -> Path:
    chosen: Path | None = read_variable(ClientVariables, "token_file", env)
    return chosen or Path.home() / ".config" / "ogdc" / "tokens.json"


def _token(env: Mapping[str, str]) -> str | None:
    token: str | None = read_variable(ClientVariables, "token", env)
    return token


def _user(env: Mapping[str, str]) -> str:
    if chosen := _given("user", env):
        return chosen
    return machine_user()
