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
    """Return the user that a text refers to.

    Raises:
        UnknownUserError: there is none.
        InvalidRequestError: there are several.
    """
    everybody = list(client.users())
    for field in ("id", "subject", "name"):
        if found := [user for user in everybody if getattr(user, field) == called]:
            return _only(found, called)
    raise UnknownUserError(called)


def token_id(client: Accounts, called: str) -> str:
    """Return the id of an API token: the text itself, the caller's token of that name, or anybody's.

    Raises:
        UnknownTokenError: there is none, or it is another user's and the caller is no admin.
        InvalidRequestError: there are several.
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
