"""The routes about users, their tokens and what they did; part of the table of routes."""

from __future__ import annotations

from ogdc_shared.api import account_answers, requests
from ogdc_shared.api.parameters import Flag, Number, Text
from ogdc_shared.api.route import Function, Route
from ogdc_shared.auth.permissions import ADMINISTER, CHANGE_TOKENS, INSPECT, READ_TOKENS, SELF

USERS_LIMIT = Number("limit", 1, 1000, 200, "How many.")
USERS_OFFSET = Number("offset", 0, 1 << 31, 0, "How many to leave out at the beginning.")
ALL_TOKENS = Flag("all", "Everybody's; for admins.")
ACTOR = Text("user", "Only what this user did, by their id, or what they are called.")
ACTION = Text("action", "Only such acts, as `run.submit`.")
OBJECT = Text("object", "Only what was done to this: a run's or trigger's name, a user's or token's id.")
ACTS_LIMIT = Number("limit", 1, 1000, 100, "How many.")
ACTS_BEFORE = Number("before", 1, 1 << 53, 0, "The `next` of the page before.")

_USERS = (Function.USERS,)

ACCOUNT_ROUTES = (
    Route(
        "me",
        "GET",
        "/me",
        _USERS,
        SELF,
        "Who the caller is to this service",
        account_answers.MeResponse,
        about="`name`, `issuer`, `subject`, `role`, and, where they came with an API token, that `token`.",
    ),
    Route(
        "list_users",
        "GET",
        "/users",
        _USERS,
        INSPECT,
        "Users, those recorded first at the top; for admins",
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
        "Add a user before they log in, or one of this service's own, who does not; for admins",
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
        "Give a user a role, or disable them; for admins",
        account_answers.User,
        errors=(403, 404, 409),
        request=requests.UserChange,
        about="A role of null follows from their logins again. Who is disabled is refused at once, and their "
        "triggers start nothing.",
    ),
    Route(
        "list_tokens",
        "GET",
        "/tokens",
        _USERS,
        READ_TOKENS,
        "The caller's API tokens that are not revoked; admins see everybody's with `?all=true`",
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
        "Make an API token, which is shown this once",
        account_answers.NewToken,
        errors=(403, 404),
        request=requests.TokenRequest,
        about="It may do no more than its `role`, nor than its owner.",
    ),
    Route(
        "revoke_token",
        "DELETE",
        "/tokens/{token_id}",
        _USERS,
        CHANGE_TOKENS,
        "Revoke an API token, at once",
        account_answers.Token,
        errors=(403, 404),
    ),
    Route(
        "list_acts",
        "GET",
        "/audit",
        _USERS,
        INSPECT,
        "Who did what, newest first; for admins",
        account_answers.ActList,
        errors=(403,),
        query=(ACTOR, ACTION, OBJECT, ACTS_LIMIT, ACTS_BEFORE),
        about="`user`, `action`, `object`, `limit`, and `before` with the `next` of the page before.",
    ),
)
