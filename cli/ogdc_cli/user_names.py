"""Selecting a user or an API token by id or name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from ogdc_cli.terminal import one_line
from ogdc_cli.transport import ApiError
from ogdc_shared.errors import InvalidRequestError, UnknownTokenError, UnknownUserError

if TYPE_CHECKING:
    from ogdc_cli.accounts import Accounts
    from ogdc_shared.api.account_answers import Token, User

_T = TypeVar("_T", "User", "Token")
_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def find_user(client: Accounts, called: str) -> User:
    """The user that is meant.

    Raises:
        UnknownUserError: nobody is called so.
        InvalidRequestError: several are.
    """
    everybody = list(client.users())
    for field in ("id", "subject", "name"):
        if found := [user for user in everybody if getattr(user, field) == called]:
            return _only(found, called)
    raise UnknownUserError(called)


def token_id(client: Accounts, called: str) -> str:
    """The id of an API token: what has an id's form, else the caller's own of that name, else anybody's.

    Raises:
        UnknownTokenError: there is none, or it is another's, which admins alone see.
        InvalidRequestError: several are called so.
    """
    if _ID.fullmatch(called):
        return called
    for everybody in (False, True):
        if found := [token for token in _tokens(client, everybody=everybody) if token.name == called]:
            return _only(found, called).id
    raise UnknownTokenError(called)


def _tokens(client: Accounts, *, everybody: bool) -> list[Token]:
    try:
        return list(client.tokens(everybody=everybody))
    except ApiError as exc:
        if everybody and exc.status == 403:
            return []
        raise


def _only(found: list[_T], called: str) -> _T:
    if len(found) > 1:
        raise InvalidRequestError(
            f"Several are called {one_line(called)!r}. Give the id of the one: {_ids(found)}."
        )
    return found[0]


def _ids(found: Iterable[User | Token]) -> str:
    return ", ".join(each.id for each in found)
