"""The routes of logins; part of the table of routes."""

from __future__ import annotations

from ogdc_shared.api import login_answers, requests
from ogdc_shared.api.parameters import Text
from ogdc_shared.api.route import Function, Route
from ogdc_shared.auth.permissions import PUBLIC
from ogdc_shared.well_known import PROTECTED_RESOURCE

CODE = Text("code", "The issuer's authorization code, to be exchanged for tokens.")
STATE = Text("state", "The `state` that the login was started with.")

_USERS = (Function.USERS,)

LOGIN_ROUTES = (
    Route(
        "protected_resource",
        "GET",
        PROTECTED_RESOURCE,
        _USERS,
        PUBLIC,
        "Where to log in, in the form of RFC 9728",
        login_answers.ProtectedResource,
        errors=(404,),
        about="404 if the deployment requires no login.",
    ),
    Route(
        "log_in",
        "GET",
        "/login",
        _USERS,
        PUBLIC,
        "Start a login in a browser, if the deployment has a confidential client",
        errors=(404,),
        redirects=True,
        about="See [issuers](issuers.md#logins-in-a-browser).",
    ),
    Route(
        "authorize",
        "GET",
        "/authorize",
        _USERS,
        PUBLIC,
        "The redirect URI of such logins; shows the tokens",
        login_answers.LoginTokens,
        errors=(401, 404),
        query=(CODE, STATE),
        about='`{"message": …, "token": {"access_token": …, "refresh_token": …}}`, for '
        "`ogdc-runner set-token --json-str`.",
    ),
    Route(
        "refresh",
        "POST",
        "/refresh",
        _USERS,
        PUBLIC,
        "Renew a login with its refresh token",
        login_answers.LoginTokens,
        errors=(401, 404),
        request=requests.RefreshRequest,
    ),
)
