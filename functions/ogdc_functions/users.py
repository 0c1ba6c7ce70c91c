"""The users service: users, API tokens, the audit log; with `login` and `webhooks`.

Handlers are named like their routes. All services read users and tokens; only this one changes them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from ogdc_functions import login, webhooks
from ogdc_functions.http.bodies import read_struct
from ogdc_functions.http.routing import Call, Served
from ogdc_functions.http.serving import serve
from ogdc_shared.api import account_answers as answers
from ogdc_shared.api import account_routes, requests
from ogdc_shared.api.route import Function
from ogdc_shared.context import Context

if TYPE_CHECKING:
    from ogdc_shared.db.api_tokens import ApiToken
    from ogdc_shared.db.audit import Act
    from ogdc_shared.db.users import User


def build(context: Context) -> Served:
    """Build the function that functions-framework serves as `users`."""
    return serve(Function.USERS, context, sys.modules[__name__], login, webhooks)


def me(_context: Context, call: Call) -> answers.MeResponse:
    """Show the caller."""
    caller, used = call.caller, call.caller.token
    return answers.MeResponse(
        name=caller.name,
        issuer=caller.issuer,
        subject=caller.subject,
        role=caller.role,
        id=None if caller.user_id is None else str(caller.user_id),
        token=None
        if used is None
        else answers.TokenUsed(str(used.id), used.name, used.role, used.expires_at),
    )


def list_users(context: Context, call: Call) -> answers.UserList:
    """Show some users."""
    from ogdc_shared.accounts import users

    query = call.request.args
    page = users.list_users(
        context, limit=account_routes.USERS_LIMIT.read(query), offset=account_routes.USERS_OFFSET.read(query)
    )
    return answers.UserList(total=page.total, users=[_user_view(context, each) for each in page.users])


def show_user(context: Context, _call: Call, user_id: str) -> answers.User:
    """Show a user."""
    from ogdc_shared.accounts import users

    return _user_view(context, users.show_user(context, user_id))


def add_user(context: Context, call: Call) -> answers.User:
    """Add a user."""
    from ogdc_shared.accounts import users

    asked = read_struct(call.request, requests.UserRequest)
    return _user_view(context, users.add_user(context, asked, caller=call.caller))


def change_user(context: Context, call: Call, user_id: str) -> answers.User:
    """Change a user's role, or disable them."""
    from ogdc_shared.accounts import users

    asked = read_struct(call.request, requests.UserChange)
    return _user_view(context, users.change_user(context, user_id, asked, caller=call.caller))


def list_tokens(context: Context, call: Call) -> answers.TokenList:
    """Show some tokens."""
    from ogdc_shared.accounts import tokens

    query = call.request.args
    page = tokens.list_tokens(
        context,
        caller=call.caller,
        everybodys=bool(account_routes.ALL_TOKENS.read(query)),
        limit=account_routes.USERS_LIMIT.read(query),
        offset=account_routes.USERS_OFFSET.read(query),
    )
    return answers.TokenList(total=page.total, tokens=[_token_view(each) for each in page.tokens])


def add_token(context: Context, call: Call) -> answers.NewToken:
    """Create a token."""
    from ogdc_shared.accounts import tokens

    asked = read_struct(call.request, requests.TokenRequest)
    made = tokens.add_token(context, asked, caller=call.caller)
    return answers.NewToken(**asdict(_token_view(made.row)), token=made.token)


def revoke_token(context: Context, call: Call, token_id: str) -> answers.Token:
    """Revoke a token."""
    from ogdc_shared.accounts import tokens

    return _token_view(tokens.revoke_token(context, token_id, caller=call.caller))


def list_acts(context: Context, call: Call) -> answers.ActList:
    """Show a page of the audit log."""
    from ogdc_shared.accounts import audit

    query = call.request.args
    page = audit.list_acts(
        context,
        user=account_routes.ACTOR.read(query),
        action=account_routes.ACTION.read(query),
        what=account_routes.OBJECT.read(query),
        before=account_routes.ACTS_BEFORE.read(query) or None,
        limit=account_routes.ACTS_LIMIT.read(query),
    )
    return answers.ActList(acts=[_act_view(each) for each in page.acts], next=page.next)


def _user_view(context: Context, user: User) -> answers.User:
    from ogdc_shared.accounts.roles import role_of

    return answers.User(
        id=str(user.id),
        issuer=user.issuer,
        subject=user.subject,
        name=user.name,
        role=role_of(context.settings, issuer=user.issuer, given=user.role, claimed=user.claimed_role),
        given_role=user.role,
        created_at=user.created_at,
        last_seen_on=user.last_seen_on,
        disabled_at=user.disabled_at,
    )


def _token_view(token: ApiToken) -> answers.Token:
    return answers.Token(
        id=str(token.id),
        name=token.name,
        role=token.role,
        owner=token.owner,
        owner_id=str(token.owner_id),
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_on=token.last_used_on,
        revoked_at=token.revoked_at,
    )


def _act_view(act: Act) -> answers.Act:
    return answers.Act(
        id=act.id,
        at=act.at,
        user=act.actor,
        user_id=None if act.actor_id is None else str(act.actor_id),
        token_id=None if act.token_id is None else str(act.token_id),
        action=act.action,
        object=act.object,
        details=act.details,
    )
