"""Client for the users, tokens and audit log of the HTTP API."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

from msgspec.json import encode

from ogdc_cli.api import JSON, pages, segment
from ogdc_cli.login.credentials import Credentials
from ogdc_cli.settings import ClientSettings
from ogdc_cli.transport import Transport
from ogdc_shared.api import account_answers as answers
from ogdc_shared.api.requests import TokenRequest, UserChange, UserRequest
from ogdc_shared.errors import UnknownTokenError, UnknownUserError

_LIMIT = 1000


class Accounts:
    """Users of one deployment.

    Every call raises `ApiError` where the service refuses or does not answer.
    """

    def __init__(self, settings: ClientSettings, credentials: Credentials | None = None) -> None:
        """Store the arguments; nothing is requested yet.

        Args:
            settings: The deployment.
            credentials: Credentials for it; None means the user's.
        """
        self._transport = Transport(settings, credentials)

    def me(self) -> answers.MeResponse:
        """Who the caller is."""
        return self._transport.call("GET", "/me", answers.MeResponse)

    def users(self) -> Iterator[answers.User]:
        """All users, a page at a time."""
        kind = answers.UserList
        path = f"/users?limit={_LIMIT}"
        yield from pages(lambda rest: self._transport.call("GET", path + rest, kind).users)

    def add_user(self, asked: UserRequest) -> answers.User:
        """Add a user."""
        return self._transport.call("POST", "/users", answers.User, body=encode(asked), headers=JSON)

    def change_user(self, user_id: str, change: UserChange) -> answers.User:
        """Change a user's role or disable them."""
        path = f"/users/{segment(user_id, UnknownUserError)}"
        return self._transport.call("PATCH", path, answers.User, body=encode(change), headers=JSON)

    def tokens(self, *, everybody: bool = False) -> Iterator[answers.Token]:
        """The caller's API tokens, or everybody's, a page at a time."""
        kind = answers.TokenList
        path = f"/tokens?limit={_LIMIT}{'&all=true' if everybody else ''}"
        yield from pages(lambda rest: self._transport.call("GET", path + rest, kind).tokens)

    def add_token(self, asked: TokenRequest) -> answers.NewToken:
        """Make an API token."""
        return self._transport.call("POST", "/tokens", answers.NewToken, body=encode(asked), headers=JSON)

    def revoke_token(self, token_id: str) -> answers.Token:
        """Revoke an API token."""
        path = f"/tokens/{segment(token_id, UnknownTokenError)}"
        return self._transport.call("DELETE", path, answers.Token)

    def acts(self, **filters: str | int | None) -> Iterator[answers.Act]:
        """Yield entries of the audit log, newest first, requesting page by page."""
        query = {key: value for key, value in filters.items() if value is not None}
        while True:
            page = self._transport.call("GET", f"/audit?{urlencode(query)}", answers.ActList)
            yield from page.acts
            if page.next is None:
                return
            query["before"] = page.next
