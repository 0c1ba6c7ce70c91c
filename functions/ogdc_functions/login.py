"""Logins: the metadata that the command line needs, and the authorization code flow in a browser.

The browser flow uses a confidential client, whose secret only the service knows. It exists for command lines
that take the tokens shown by /authorize (`set-token`) and renew them at /refresh.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, NoReturn

from flask import Response
from werkzeug.exceptions import NotFound

from ogdc_functions.http.bodies import read_struct
from ogdc_functions.http.callers import public_url
from ogdc_functions.http.responses import struct_response
from ogdc_functions.http.routing import Call
from ogdc_shared.api import login_answers, login_routes, requests
from ogdc_shared.context import Context
from ogdc_shared.errors import ConfigurationError, InvalidRequestError

if TYPE_CHECKING:
    from ogdc_shared.auth.oidc.code_flow import Attempt, ConfidentialLogin, Tokens
    from ogdc_shared.oidc_settings import ConfidentialClient

_MINUTES = 10
"""Time limit of a login."""
_COOKIE = "ogdc-login"


def protected_resource(context: Context, call: Call) -> login_answers.ProtectedResource:
    """Say where to log in."""
    settings = context.settings
    if settings.access_mode != "authenticated":
        raise NotFound(f"This deployment requires no login (ACCESS_MODE={settings.access_mode}).")
    issuers = [each.issuer for each in settings.oidc.of_users() if each.others]
    return login_answers.ProtectedResource(
        resource=public_url(call.request, settings),
        authorization_servers=issuers,
        scopes_supported=[*settings.oidc.asked_scopes] if issuers else [],
        bearer_methods_supported=["header"],
        ogdc_client_id=settings.oidc.client,
    )


def log_in(context: Context, call: Call) -> Response:
    """Redirect the browser to the issuer."""
    from ogdc_shared.auth.oidc.code_flow import Attempt

    client, login = _confidential(context)
    attempt = Attempt.new()
    scope = " ".join(context.settings.oidc.asked_scopes)
    url = login.url(attempt, redirect_uri=_redirect_uri(context, call, client), scope=scope)
    response = Response(status=302, headers={"Location": url})
    _keep(response, attempt, context, call)
    return response


def authorize(context: Context, call: Call) -> Response:
    """Show the tokens to a browser that returns from the issuer, for the user to copy."""
    client, login = _confidential(context)
    attempt = _kept(context, call)
    query = call.request.args
    if query.get("iss", client.issuer) != client.issuer or not (code := login_routes.CODE.read(query)):
        _begin_again("the issuer gave no code")
    tokens = login.exchange(code, attempt, redirect_uri=_redirect_uri(context, call, client))
    response = struct_response(_shown(tokens, "Success"))
    response.delete_cookie(_cookie(context, call), path="/")
    return response


def refresh(context: Context, call: Call) -> login_answers.LoginTokens:
    """Renew a login."""
    asked = read_struct(call.request, requests.RefreshRequest)
    _, login = _confidential(context)
    tokens = login.refresh(asked.refresh_token, scope=asked.scope)
    return _shown(tokens, "Token refresh successful")


def _confidential(context: Context) -> tuple[ConfidentialClient, ConfidentialLogin]:
    from ogdc_shared.auth.oidc.code_flow import ConfidentialLogin

    client = context.settings.oidc.confidential_client()
    if client is None:
        raise NotFound("This deployment does not support logins in a browser: use `ogdc-runner login`.")
    try:
        return client, ConfidentialLogin(client, context.issuers.server(client.issuer))
    except KeyError:
        raise ConfigurationError(
            f"OIDC_CLIENT_SECRETS_FILE belongs to the issuer {client.issuer}, not to OGDC_OIDC_ISSUER."
        ) from None


def _redirect_uri(context: Context, call: Call, client: ConfidentialClient) -> str:
    """The redirect URI: our /authorize, by a URL that is registered with the issuer."""
    here = f"{public_url(call.request, context.settings)}/authorize"
    return here if here in client.redirect_uris or not client.redirect_uris else client.redirect_uris[0]


def _cookie(context: Context, call: Call) -> str:
    """The name of the cookie; with the prefix, no other host of the domain can set it.

    Source: RFC 6265bis section 4.1.3.2.
    """
    return f"__Host-{_COOKIE}" if _is_encrypted(context, call) else _COOKIE


def _is_encrypted(context: Context, call: Call) -> bool:
    return public_url(call.request, context.settings).startswith("https://")


def _keep(response: Response, attempt: Attempt, context: Context, call: Call) -> None:
    response.set_cookie(
        _cookie(context, call),
        f"{attempt.state}.{attempt.verifier}",
        max_age=60 * _MINUTES,
        path="/",
        secure=_is_encrypted(context, call),
        httponly=True,
        samesite="Lax",
    )


def _kept(context: Context, call: Call) -> Attempt:
    """The login attempt that this browser started; its state must match (CSRF protection)."""
    from ogdc_shared.auth.oidc.code_flow import Attempt

    state, _, verifier = call.request.cookies.get(_cookie(context, call), "").partition(".")
    given = login_routes.STATE.read(call.request.args) or ""
    if not state or not verifier or not compare_digest(state.encode(), given.encode(errors="replace")):
        _begin_again(f"this browser did not start it within the last {_MINUTES} minutes")
    return Attempt(state, verifier)


def _begin_again(why: str) -> NoReturn:
    raise InvalidRequestError(f"This login cannot be completed: {why}. Start again at /login.")


def _shown(tokens: Tokens, message: str) -> login_answers.LoginTokens:
    return login_answers.LoginTokens(message=message, token=login_answers.TokenPair(*tokens))
