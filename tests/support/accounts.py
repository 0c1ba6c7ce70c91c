"""Users and tokens of a deployment whose callers log in."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from ogdc_shared.auth.caller import Caller
from ogdc_shared.auth.permissions import Role
from ogdc_shared.auth.tokens import new_token, token_hash
from ogdc_shared.db.api_tokens import add_token
from ogdc_shared.db.database import Database
from ogdc_shared.db.users import NewUser, add_user

ISSUER = "https://login.example.org"


class Member(NamedTuple):
    """A user and their API token."""

    id: UUID
    name: str
    role: Role
    token: str
    token_id: UUID

    @property
    def headers(self) -> dict[str, str]:
        return bearer(self.token)

    @property
    def caller(self) -> Caller:
        return Caller(self.name, ISSUER, self.name, self.role, user_id=self.id)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def member(
    database: Database, name: str, role: Role = Role.SUBMITTER, *, issuer: str = ISSUER, days: int = 1
) -> Member:
    """Add a user and create a token with all of their permissions."""
    token = new_token()
    with database.transaction() as conn:
        user = add_user(conn, NewUser(issuer, name, name, role))
        row = add_token(
            conn, token_hash=token_hash(token), owner=user.id, name=f"{name}s", role=role, days=days
        )
    return Member(user.id, name, role, token, row.id)
