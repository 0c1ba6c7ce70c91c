"""The credentials that a command sends to a deployment."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

from ogdc_cli.login.logins import Login, key_of
from ogdc_cli.login.store import LoginStore
from ogdc_cli.settings import ClientSettings
from ogdc_cli.terminal import one_line, say
from ogdc_shared.errors import ConfigurationError, OgdcError
from ogdc_shared.servers.loopback import is_private

_PAUSE = 30.0
"""Seconds after which a provider that did not answer is asked again."""


class Credentials(Protocol):
    """Where tokens come from."""

    def token(self) -> str | None:
        """Return the current token, or None.

        Raises:
            OgdcError: there is one, but it must not be sent, or cannot be read.
        """

    def renewed(self, refused: str) -> str | None:
        """Return a new token after one was rejected, or None if there is none.

        Raises:
            OgdcError: getting one failed.
        """

    @property
    def advice(self) -> str:
        """What to do where a deployment wants to see another, or any."""


class UserCredentials:
    """OGDC_TOKEN, else the login that is kept for the deployment, renewed as need be."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._store = LoginStore(settings.token_file)
        self._login: Login | None = None
        self._problem: OgdcError | None = None
        self._retry_at = 0.0

    def token(self) -> str | None:
        """Return the current token.

        An expired token that cannot be renewed is returned, too, since the deployment may not require a
        login.

        Raises:
            OgdcError: there is one, but it must not be sent, or cannot be read.
        """
        if self._settings.token:
            check_destination(self._settings)
            return self._settings.token
        login = self.login()
        if login is None:
            return None
        check_destination(self._settings)
        if login.refresh_token and (login.access_token is None or login.is_over(early=True)):
            self._renew(login)
        return None if self._login is None else self._login.access_token

    def renewed(self, refused: str) -> str | None:
        """Another token in place of one that was refused: another command's, or a renewed one.

        Raises:
            OgdcError: the login cannot be renewed.
        """
        if self._settings.token:
            return None
        if self._login is not None and self._login.access_token == refused:
            self._login = None
        login = self.login()
        if login is not None and login.access_token == refused and login.refresh_token:
            self._renew(login)
            if self._problem is not None:
                raise self._problem
        return None if self._login is None else self._login.access_token

    def valid_token(self) -> str:
        """Return a token that has not expired.

        Raises:
            OgdcError: there is none.
        """
        token = self.token()
        if self._login is not None and self._login.is_over():
            raise self._problem or ConfigurationError(f"The token has ended. {self.advice}")
        if token is None:
            raise ConfigurationError(f"No login to {self._settings.api_url} is kept. {self.advice}")
        return token

    @property
    def until(self) -> str:
        """Return until when the token is valid, as the end of a sentence; empty if unknown."""
        given = self._settings.token
        login = Login().with_access(given, refresh_token=None, expires_in=None) if given else self._login
        if login is None or login.expires_at is None:
            return ""
        end = f", until {datetime.fromtimestamp(login.expires_at, UTC):%Y-%m-%d %H:%M} UTC"
        return f"{end}, renewed automatically" if login.refresh_token else end

    @property
    def advice(self) -> str:
        """What to do where a deployment wants to see another, or any."""
        if self._settings.token:
            return "The token is that of OGDC_TOKEN."
        return f"Log in{' again' if self._login else ''}: ogdc-runner login"

    def login(self) -> Login | None:
        """The stored login for the deployment; None if there is none, as for the local stack.

        Raises:
            ConfigurationError: the token file cannot be read.
        """
        if self._login is None and not self._settings.is_local_stack:
            logins = self._store.read()
            key = key_of(self._settings.api_url)
            if key not in logins.deployments and (logins.access_token or logins.refresh_token):
                self._bind(key)
                logins = self._store.read()
            self._login = logins.deployments.get(key)
        return self._login

    def _bind(self, key: str) -> None:
        """Keep tokens of the form of before, which names no deployment, for the first that one calls."""
        check_destination(self._settings)
        with self._store.changing() as change:
            if not change.logins.bind(key):
                return
            change.keep()
        text = f"The token in {self._store.path} is kept for {key} from now on, and sent nowhere else."
        say(one_line(text), err=True)

    def _renew(self, login: Login) -> None:
        """Renew the login; a failure is kept in `_problem` and reported if the old token is rejected."""
        from ogdc_cli.login.renewal import renewed
        from ogdc_cli.login.web import Web

        if self._problem is not None and time.monotonic() < self._retry_at:
            return
        try:
            key = key_of(self._settings.api_url)
            self._login = renewed(Web(self._settings), self._store, key, seen=login)
            self._problem = None
        except OgdcError as exc:
            self._problem, self._retry_at = exc, time.monotonic() + _PAUSE


def check_deployment(settings: ClientSettings) -> None:
    """Check that a login is not stored for the local stack by accident, since that rarely requires one.

    Raises:
        ConfigurationError: it would be; or as for `check_destination`.
    """
    if settings.is_local_stack:
        raise ConfigurationError(
            f"Without OGDC_API_URL this would be for the stack on this machine ({settings.api_url}), which "
            "seldom asks anybody to log in. Set OGDC_API_URL to the URL that you mean."
        )
    check_destination(settings)


def check_destination(settings: ClientSettings) -> None:
    """Check that a token is only sent to its deployment, and not unencrypted.

    Raises:
        ConfigurationError: it would be sent elsewhere, or unencrypted.
    """
    if settings.token and settings.by_default:
        raise ConfigurationError(
            "OGDC_TOKEN is set, and nothing says which deployment it is for. Set OGDC_API_URL to that "
            "deployment's URL, or unset OGDC_TOKEN."
        )
    if not is_private(settings.api_url) and not settings.plain_http:
        raise ConfigurationError(
            f"{settings.api_url} is not an https URL, so your token would be sent unencrypted; it was not "
            "sent. Set OGDC_API_URL to the https URL. If the network is safe, for example within a cluster, "
            "set OGDC_PLAIN_HTTP=true."
        )
