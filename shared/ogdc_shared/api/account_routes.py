"""The routes of users, API tokens and the audit log; part of the table of routes."""

from __future__ import annotations

from ogdc_shared.api import account_answers, requests
from ogdc_shared.api.parameters import Flag, Number, Text
from ogdc_shared.api.route import Function, Route
from ogdc_shared.auth.permissions import ADMINISTER, CHANGE_TOKENS, INSPECT, READ_TOKENS, SELF

USERS_LIMIT = Number("limit", 1, 1000, 200, "Maximum number of items.")
USERS_OFFSET = Number("offset", 0, 1 << 31, 0, "Number of items to skip.")
ALL_TOKENS = Flag("all", "The tokens of all users; for admins.")
ACTOR = Text("user", "Only actions of this user, given by id or name.")
ACTION = Text("action", "Only this kind of action, such as `run.submit`.")
OBJECT = Text("object", "Only actions on this object: a run's or trigger's name, a user's or token's id.")
ACTS_LIMIT = Number("limit", 1, 1000, 100, "Maximum number of entries.")
ACTS_BEFORE = Number("before", 1, 1 << 53, 0, "The `next` of the previous page.")

_USERS = (Function.USERS,)

ACCOUNT_ROUTES = (
    Route(
        "me",
        "GET",
        "/me",
        _USERS,
        SELF,
        "The identity and role of the caller",
        account_answers.MeResponse,
        about="`name`, `issuer`, `subject`, `role`, and the API `token` if the request was made with one.",
    ),
    Route(
        "list_users",
        "GET",
        "/users",
        _USERS,
        INSPECT,
        "Users, oldest first; for admins",
        account_answers.UserList,
        errors=(403,),
        query=(USERS_LIMIT, USERS_OFFSET),
    ),
    Route(
        "add_user",
        "POST",
        "/users",
        _USERS,
        ADMINISTER,
        "Add a user before their first login, or a service account that never logs in; for admins",
        account_answers.User,
        errors=(403, 409),
        request=requests.UserRequest,
        about="See [users](access.md#users-and-their-roles).",
    ),
    Route(
        "show_user",
        "GET",
        "/users/{user_id}",
        _USERS,
        INSPECT,
        "A user; for admins",
        account_answers.User,
        errors=(403, 404),
    ),
    Route(
        "change_user",
        "PATCH",
        "/users/{user_id}",
        _USERS,
        ADMINISTER,
        "Set a user's role, or disable them; for admins",
        account_answers.User,
        errors=(403, 404, 409),
        request=requests.UserChange,
        about="With a role of null the role follows from the claims of their login again. A disabled user is "
        "rejected at once, and their triggers start no runs.",
    ),
    Route(
        "list_tokens",
        "GET",
        "/tokens",
        _USERS,
        READ_TOKENS,
        "The caller's API tokens that are not revoked; with `?all=true` those of all users, for admins",
        account_answers.TokenList,
        errors=(403,),
        query=(ALL_TOKENS, USERS_LIMIT, USERS_OFFSET),
    ),
    Route(
        "add_token",
        "POST",
        "/tokens",
        _USERS,
        CHANGE_TOKENS,
        "Create an API token; it is shown only once",
        account_answers.NewToken,
        errors=(403, 404),
        request=requests.TokenRequest,
        about="Its permissions are limited by its `role` and by the role of its owner.",
    ),
    Route(
        "revoke_token",
        "DELETE",
        "/tokens/{token_id}",
        _USERS,
        CHANGE_TOKENS,
        "Revoke an API token immediately",
        account_answers.Token,
        errors=(403, 404),
    ),
    Route(
        "list_acts",
        "GET",
        "/audit",
        _USERS,
        INSPECT,
        "The audit log, newest first; for admins",
        account_answers.ActList,
        errors=(403,),
        query=(ACTOR, ACTION, OBJECT, ACTS_LIMIT, ACTS_BEFORE),
        about="Parameters: `user`, `action`, `object`, `limit`, and `before`, the `next` of the previous "
        "page.",
    ),
)
