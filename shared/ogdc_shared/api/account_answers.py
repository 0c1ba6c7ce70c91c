"""The JSON responses of the users service."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from ogdc_shared.api.answers import Answer
from ogdc_shared.api.fields import Count, Day, Issuer, RoleName, Subject, Time, TokenName, UserId


class Token(Answer):
    """An API token, without the secret."""

    id: UserId
    name: TokenName
    role: Annotated[RoleName, Meta(description="Its maximum role.")]
    owner: Annotated[str, Meta(description="Display name.")]
    owner_id: UserId
    created_at: Time
    expires_at: Time
    last_used_on: Annotated[Day | None, Meta(description="null: never.")]
    revoked_at: Annotated[Time | None, Meta(description="null: not revoked.")] = None


class NewToken(Token, kw_only=True):
    """A new API token, with the secret."""

    token: Annotated[str, Meta(description="The secret; it is not stored and cannot be shown again.")]


class TokenList(Answer):
    """Some API tokens, oldest first."""

    total: Count
    tokens: list[Token]


class TokenUsed(Answer):
    """The API token of a request."""

    id: UserId
    name: TokenName
    role: RoleName
    expires_at: Time


class MeResponse(Answer):
    """The caller."""

    name: Annotated[str, Meta(description="Display name.")]
    issuer: Issuer
    subject: Subject
    role: Annotated[RoleName, Meta(description="The effective role of this request.")]
    id: Annotated[UserId | None, Meta(description="null: the deployment has no logins.")] = None
    token: Annotated[TokenUsed | None, Meta(description="null: no API token was used.")] = None


class User(Answer):
    """A user."""

    id: UserId
    issuer: Issuer
    subject: Subject
    name: Annotated[str, Meta(description="Display name.")]
    role: Annotated[RoleName | None, Meta(description="The effective role; null: no access.")]
    given_role: Annotated[RoleName | None, Meta(description="The role set by an admin; null: none.")]
    created_at: Time
    last_seen_on: Annotated[Day | None, Meta(description="null: never logged in.")]
    disabled_at: Annotated[Time | None, Meta(description="null: not disabled.")]


class UserList(Answer):
    """Some users, oldest first."""

    total: Count
    users: list[User]


class Act(Answer):
    """An entry of the audit log."""

    id: Count
    at: Time
    user: Annotated[str | None, Meta(description="Who did it; null: the operator, with a command.")]
    user_id: UserId | None
    token_id: Annotated[UserId | None, Meta(description="The API token that was used.")]
    action: Annotated[str, Meta(examples=["run.submit"])]
    object: Annotated[str, Meta(description="A run's or trigger's name, a user's or token's id.")]
    details: dict[str, Any]


class ActList(Answer):
    """A page of the audit log, newest first."""

    acts: list[Act]
    next: Annotated[
        Count | None, Meta(description="Pass it as `before` for the next page; null: this is the last.")
    ] = None
