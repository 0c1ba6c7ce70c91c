"""The table of API tokens, which contains their hashes and metadata but not the tokens."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import class_row

from ogdc_shared.auth.caller import Caller
from ogdc_shared.auth.permissions import Role
from ogdc_shared.auth.tokens import new_token, token_hash
from ogdc_shared.db.audit import Action, record_act
from ogdc_shared.db.queries import load_queries
from ogdc_shared.errors import UnknownTokenError


class TokenUser(NamedTuple):
    """A token with its owner, as needed to authenticate a request."""

    id: UUID
    name: str
    role: str
    expires_at: datetime
    is_expired: bool
    is_revoked: bool
    is_first_today: bool
    """Whether this is its first use today, by the database's clock."""
    user_id: UUID
    issuer: str
    subject: str
    user_name: str
    user_role: str | None
    claimed_role: str | None
    is_disabled: bool


class ApiToken(NamedTuple):
    """A token as shown in lists."""

    id: UUID
    name: str
    role: str
    owner_id: UUID
    owner: str
    created_at: datetime
    expires_at: datetime
    last_used_on: date | None
    revoked_at: datetime | None


class MadeToken(NamedTuple):
    """A newly created token."""

    row: ApiToken
    token: str
    """The token itself, to be shown to its owner; it is not stored."""


class TokenPage(NamedTuple):
    """A page of tokens and the total number."""

    tokens: list[ApiToken]
    total: int


def find_token_user(conn: Connection, token_hash: bytes) -> TokenUser | None:
    """Find a token and its owner by the token's hash; None if there is no such token."""
    with conn.cursor(row_factory=class_row(TokenUser)) as cursor:
        return cursor.execute(_sql("find_token_user"), {"hash": token_hash}).fetchone()


def record_use(conn: Connection, token_id: UUID) -> None:
    """Record that a token was used today."""
    conn.execute(_sql("record_use"), {"id": token_id})


def make_token(
    conn: Connection, *, owner: UUID, name: str, role: Role, days: int, caller: Caller | None
) -> MadeToken:
    """Create a token valid for `days`, and record that in the audit log (`caller` as in `record_act`)."""
    token = new_token()
    row = add_token(conn, token_hash=token_hash(token), owner=owner, name=name, role=role, days=days)
    known = {"name": name, "role": role, "owner": str(owner), "days": days}
    record_act(conn, Action.ADD_TOKEN, str(row.id), caller=caller, **known)
    return MadeToken(row, token)


def add_token(
    conn: Connection, *, token_hash: bytes, owner: UUID, name: str, role: Role, days: int
) -> ApiToken:
    """Insert a token that is valid for `days`."""
    new = {"hash": token_hash, "owner": owner, "name": name, "role": role, "days": days}
    found = conn.execute(_sql("insert_token"), new).fetchone()
    assert found is not None
    return get_token(conn, found[0])


def get_token(conn: Connection, token_id: UUID) -> ApiToken:
    """Read a token.

    Raises:
        UnknownTokenError: no token has that id.
    """
    token = _select(conn, "where_token", id=token_id).fetchone()
    if token is None:
        raise UnknownTokenError(str(token_id))
    return token


def list_tokens(conn: Connection, *, owner: UUID | None, limit: int | None, offset: int) -> TokenPage:
    """Read a page of unrevoked tokens, oldest first, of one user or, if `owner` is None, of all users."""
    found = _select(conn, "where_owner", owner=owner, limit=limit, offset=offset).fetchall()
    counted = conn.execute(_sql("count_tokens"), {"owner": owner}).fetchone()
    return TokenPage(found, counted[0] if counted else 0)


def revoke_token(conn: Connection, token_id: UUID) -> bool:
    """Revoke a token; False if it was already revoked."""
    return conn.execute(_sql("revoke"), {"id": token_id}).rowcount == 1


def _sql(name: str) -> bytes:
    return load_queries("api_tokens")[name]


def _select(conn: Connection, where: str, **parameters: Any) -> Cursor[ApiToken]:
    cursor = conn.cursor(row_factory=class_row(ApiToken))
    return cursor.execute(_sql("select_tokens") + b"\n" + _sql(where), parameters)
