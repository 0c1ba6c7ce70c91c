"""Logging in and out of a deployment, with a method its issuer supports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode

from ogdc_cli.login import device, loopback, paste
from ogdc_cli.login.credentials import check_deployment
from ogdc_cli.login.logins import Login, key_of
from ogdc_cli.login.metadata import Way, deployment, discover
from ogdc_cli.login.store import Logins, LoginStore, pasted
from ogdc_cli.login.tokens import taken_in
from ogdc_cli.login.web import ProviderError, Web
from ogdc_cli.settings import ClientSettings


class Screen(NamedTuple):
    """Functions that show instructions to the user."""

    show_code: Callable[[device.DeviceCode], None]
    """Where to say yes, and with which code."""
    show_url: Callable[[str], None]
    """What to open in a browser on this machine."""
    ask_for_token: Callable[[str], None]
    """Asks for a token, and says where to get one."""


def log_in(settings: ClientSettings, screen: Screen, *, by_paste: bool) -> None:
    """Log in to a deployment, and store the login.

    Raises:
        ProviderError: logging in failed or was denied.
        ConfigurationError: tokens must not be sent there, or cannot be stored.
        InvalidRequestError: the pasted text is not a token.
    """
    check_deployment(settings)
    web = Web(settings)
    way = None if by_paste else _way(web, settings.api_url)
    login = _by_issuer(web, way, screen) if way else None
    if login is None:
        if not by_paste:
            _need_terminal(settings.api_url)
            screen.ask_for_token(f"{settings.api_url}/login")
        found = paste.read()
        keep_pasted(settings, access=found.access, refresh=found.refresh)
    else:
        _keep(settings, lambda _: login)


def keep_pasted(settings: ClientSettings, *, access: str | None, refresh: str | None) -> None:
    """Store tokens for the current deployment; None keeps the previous one.

    Raises:
        ConfigurationError: tokens must not be sent there, or cannot be stored.
    """
    check_deployment(settings._replace(token=None))
    _keep(settings, lambda before: pasted(before or Login(), access=access, refresh=refresh))


def log_out(settings: ClientSettings) -> Login | None:
    """Revoke the tokens of a deployment's login, and delete the login.

    Returns:
        The deleted login, or None if there was none.

    Raises:
        ProviderError: the tokens could not be revoked; they are deleted nevertheless.
        ConfigurationError: the token file cannot be read or written.
    """
    store, key = LoginStore(settings.token_file), key_of(settings.api_url)
    with store.changing() as change:
        login = change.logins.deployments.pop(key, None)
        if login is None:
            return None
        try:
            _revoke(Web(settings), login)
        finally:
            change.keep()
    return login


def _way(web: Web, api_url: str) -> Way | None:
    """Return how to log in at the deployment's issuer; None if it names no issuer or no client."""
    found = deployment(web, api_url)
    if not found.authorization_servers or not found.client_id:
        return None
    issuer = discover(web, found.authorization_servers[0])
    scopes = dict.fromkeys(["openid", *found.scopes_supported])
    return Way(issuer, found.client_id, " ".join(scopes))


def _by_issuer(web: Web, way: Way, screen: Screen) -> Login | None:
    """Log in by a flow that the issuer offers; None if it offers none that a command can use."""
    if way.issuer.device_authorization_endpoint:
        answer = device.log_in(web, way, show=screen.show_code)
    elif way.issuer.authorization_endpoint:
        answer = loopback.log_in(web, way, show=screen.show_url)
    else:
        return None
    return taken_in(Login(issuer=way.issuer.issuer, client_id=way.client_id), answer)


def _need_terminal(api_url: str) -> None:
    if not sys.stdin.isatty():
        raise ProviderError(
            f"{api_url} offers no login that this program supports. Get a token from its operator, or in a "
            f"browser at {api_url}/login, and pass it on stdin: ogdc-runner login --paste"
        )


def _keep(settings: ClientSettings, made_of: Callable[[Login | None], Login]) -> None:
    key = key_of(settings.api_url)
    with LoginStore(settings.token_file).changing(anew=True) as change:
        logins: Logins = change.logins
        logins.deployments[key] = made_of(logins.deployments.get(key))
        change.keep()


def _revoke(web: Web, login: Login) -> None:
    """Revoke tokens (RFC 7009), if the issuer offers that."""
    token = login.refresh_token or login.access_token
    if login.issuer is None or token is None:
        return
    try:
        if endpoint := discover(web, login.issuer).revocation_endpoint:
            web.send(endpoint, urlencode({"token": token, "client_id": login.client_id or ""}).encode())
    except ProviderError as exc:
        raise ProviderError(
            f"The login was deleted here, but its tokens could not be revoked at {login.issuer}, and stay "
            f"valid until they expire: {exc}",
            passing=exc.passing,
        ) from exc
