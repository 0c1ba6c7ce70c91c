"""Creating, listing and revoking API tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_shared.accounts.roles import role_of
from ogdc_shared.accounts.users import read_id
from ogdc_shared.auth.caller import OWN_ISSUER
from ogdc_shared.auth.permissions import Role, lesser
from ogdc_shared.db import api_tokens as db
from ogdc_shared.db.api_tokens import ApiToken, MadeToken, TokenPage
from ogdc_shared.db.audit import Action, record_act
from ogdc_shared.db.users import User, caller_id, get_user
from ogdc_shared.errors import ForbiddenError, InvalidRequestError, UnknownTokenError

if TYPE_CHECKING:
    from ogdc_shared.api.requests import TokenRequest
    from ogdc_shared.auth.caller import Caller
    from ogdc_shared.context import Context


def add_token(context: Context, asked: TokenRequest, *, caller: Caller) -> MadeToken:
    """Create a token for the caller, or, if an admin asks, for one of this service's own users.

    A token never grants more than the credentials it is created with: a caller whose token has the role
    viewer can only create viewers' tokens.

    Raises:
        ForbiddenError: it would grant more than its creator or its owner has, or for longer, or would belong
            to another person.
        InvalidRequestError: it would exceed the longest validity, or its name is not printable.
        UnknownUserError: the user does not exist.
    """
    if not asked.name.isprintable():
        raise InvalidRequestError("name: contains a character that is not printable; remove it.")
    days = asked.days or context.settings.access.token_days
    if days > (most := context.settings.access.max_token_days):
        raise InvalidRequestError(
            f"days={days}: a token can be valid for at most {most} days (OGDC_MAX_TOKEN_DAYS)."
        )
    with context.database.transaction() as conn:
        owner = get_user(conn, caller_id(conn, caller) if asked.user is None else read_id(asked.user))
        role = _limit(context, owner, caller=caller, wanted=asked.role)
        return db.make_token(conn, owner=owner.id, name=asked.name, role=role, days=days, caller=caller)


def list_tokens(context: Context, *, caller: Caller, everybodys: bool, limit: int, offset: int) -> TokenPage:
    """Read some of the caller's tokens, or everybody's, those made first at the top.

    Raises:
        ForbiddenError: everybody's are asked for by who is no admin.
    """
    if everybodys and caller.role != Role.ADMIN:
        raise ForbiddenError("Only admins can see the tokens of other users.")
    with context.database.autocommit() as conn:
        return db.list_tokens(conn, owner=None if everybodys else caller.user_id, limit=limit, offset=offset)


def revoke_token(context: Context, token_id: str, *, caller: Caller) -> ApiToken:
    """Revoke a token; admins may revoke anybody's, others their own. Doing so twice is no error.

    Raises:
        UnknownTokenError: there is no token of that id, or it belongs to another user.
    """
    known = read_id(token_id, UnknownTokenError)
    with context.database.transaction() as conn:
        token = db.get_token(conn, known)
        if token.owner_id != caller.user_id and caller.role != Role.ADMIN:
            raise UnknownTokenError(token_id)
        if db.revoke_token(conn, known):
            record_act(conn, Action.REVOKE_TOKEN, str(known), caller=caller, name=token.name)
        return db.get_token(conn, known)


def _limit(context: Context, owner: User, *, caller: Caller, wanted: Role | None) -> Role:
    """The role that a new token gets.

    Raises:
        ForbiddenError: see `add_token`.
    """
    if context.settings.oidc.lets_in_by_grants_alone(owner.issuer):
        raise ForbiddenError(
            f"{owner.name} gets a role from each login at {owner.issuer}, and an API token could outlive "
            "that role. Log in each time, or ask an admin for a token for a program."
        )
    if owner.id == caller.user_id:
        most = caller.role
    else:
        if caller.role != Role.ADMIN or owner.issuer != OWN_ISSUER:
            raise ForbiddenError(
                f"Only admins can create tokens for others, and only for users of the issuer {OWN_ISSUER!r}. "
                "All other users log in and create their own."
            )
        own = role_of(context.settings, issuer=owner.issuer, given=owner.role, claimed=owner.claimed_role)
        if own is None:
            raise ForbiddenError(f"{owner.name} has no role in this deployment. Give them a role first.")
        most = lesser(own, caller.role)
    role = wanted or most
    if not most.covers(role):
        raise ForbiddenError(
            f"The token would have the role {role}, but the roles of its owner and creator allow at most "
            f"{most}."
        )
    return role
