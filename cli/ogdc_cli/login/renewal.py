"""Renewing access tokens before they expire, by one command at a time.

Providers that rotate refresh tokens treat a second use of an old one as theft, and end the login. So renewal
takes the lock, reads the stored login again, and uses tokens that another process has renewed.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext

import msgspec

from ogdc_cli.interrupts import interrupts_held
from ogdc_cli.login.logins import Login
from ogdc_cli.login.metadata import discover
from ogdc_cli.login.store import LoginStore
from ogdc_cli.login.tokens import TokenAnswer, taken_in
from ogdc_cli.login.web import ProviderError, Web


class _Pasted(msgspec.Struct):
    """The answer of a deployment that renews by itself: the tokens, or a message with them."""

    token: TokenAnswer | None = None


def renewed(web: Web, store: LoginStore, key: str, *, seen: Login) -> Login:
    """Renew and store a login, unless another command has done so since it was `seen`.

    Raises:
        ProviderError: it cannot be renewed; the stored login stays.
        ConfigurationError: the token file cannot be read or written.
    """
    with store.changing() as change:
        kept = change.logins.deployments.get(key)
        if kept is None:
            raise ProviderError("You have logged out meanwhile. Log in again: ogdc-runner login")
        if kept.access_token != seen.access_token and not kept.is_over():
            return kept
        with _undisturbed():  # a token that was renewed and is not kept is lost
            try:
                fresh = _ask(web, key, kept)
            except ProviderError as exc:
                return _by_another(store, key, kept, exc)
            change.logins.deployments[key] = fresh
            change.keep()
        return fresh


def _by_another(store: LoginStore, key: str, tried: Login, exc: ProviderError) -> Login:
    """What a program that knows nothing of the lock has kept meanwhile; raises `exc` where none has."""
    found = store.read().deployments.get(key)
    if found is None or found == tried or found.is_over():
        raise exc
    return found


def _ask(web: Web, key: str, login: Login) -> Login:
    if login.refresh_token is None:
        raise ProviderError("The login has ended. Log in again: ogdc-runner login")
    try:
        answer = _from_deployment(web, key, login) if login.issuer is None else _from_issuer(web, login)
    except ProviderError as exc:
        raise _explained(key, exc) from exc
    return taken_in(login, answer)


def _from_issuer(web: Web, login: Login) -> TokenAnswer:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": login.refresh_token or "",
        "client_id": login.client_id or "",
    }
    return web.answered_form(discover(web, login.issuer or "").token_endpoint, form, TokenAnswer)


def _from_deployment(web: Web, url: str, login: Login) -> TokenAnswer:
    body = msgspec.json.encode({"refresh_token": login.refresh_token})
    content = web.send(f"{url}/refresh", body, content_type="application/json")
    try:
        return msgspec.json.decode(content, type=_Pasted).token or msgspec.json.decode(
            content, type=TokenAnswer
        )
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ProviderError(f"{url}/refresh does not answer with a token.") from exc


def _explained(key: str, exc: ProviderError) -> ProviderError:
    if exc.passing:
        return ProviderError(
            f"The login for {key} must be renewed, and the provider cannot be reached: {exc} The login is "
            "kept; try again later.",
            passing=True,
        )
    return ProviderError(
        f"The login for {key} has ended: {exc} Log in again: ogdc-runner login", code=exc.code
    )


def _undisturbed() -> AbstractContextManager[None]:
    """Hold signals, which only the main thread can."""
    if threading.current_thread() is threading.main_thread():
        return interrupts_held()
    return nullcontext()
