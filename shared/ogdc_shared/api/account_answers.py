"""What the users service answers with, in JSON."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from ogdc_shared.api.answers import Answer
from ogdc_shared.api.fields import Count, Day, Issuer, RoleName, Subject, Time, TokenName, UserId


class Token(Answer):
    """An API token, but for what proves it."""

    id: UserId
    name: TokenName
    role: Annotated[RoleName, Meta(description="The most that it may do.")]
    owner: Annotated[str, Meta(description="As they are shown.")]
    owner_id: UserId
    created_at: Time
    expires_at: Time
    last_used_on: Annotated[Day | None, Meta(description="null: never.")]
    revoked_at: Annotated[Time | None, Meta(description="null: it is not.")] = None


class NewToken(Token, kw_only=True):
    """An API token at its making."""

    token: Annotated[str, Meta(description="Kept nowhere: it cannot be shown again.")]


class TokenList(Answer):
    """Some API tokens, those made first at the top."""

    total: Count
    tokens: list[Token]


class TokenUsed(Answer):
    """The API token that a request came with."""

    id: UserId
    name: TokenName
    role: RoleName
    expires_at: Time


class MeResponse(Answer):
    """Who the caller is."""

    name: Annotated[str, Meta(description="As they are shown.")]
    issuer: Issuer
    subject: Subject
    role: Annotated[RoleName, Meta(description="The most that this request may do.")]
    id: Annotated[UserId | None, Meta(description="null: nobody logs in here.")] = None
    token: Annotated[TokenUsed | None, Meta(description="null: the caller came with no API token.")] = None


class User(Answer):
    """A user."""

    id: UserId
    issuer: Issuer
    subject: Subject
    name: Annotated[str, Meta(description="As they are shown.")]
    role: Annotated[RoleName | None, Meta(description="What they may do; null: nothing.")]
    given_role: Annotated[RoleName | None, Meta(description="That an admin gave them; null: none did.")]
    created_at: Time
    last_seen_on: Annotated[Day | None, Meta(description="null: they have not logged in.")]
    disabled_at: Annotated[Time | None, Meta(description="Since when they are refused; null: they are not.")]


class UserList(Answer):
    """Some users, those recorded first at the top."""

    total: Count
    users: list[User]


class Act(Answer):
    """Something that was done."""

    id: Count
    at: Time
    user: Annotated[str | None, Meta(description="Who did it; null: the operator, by a command.")]
    user_id: UserId | None
    token_id: Annotated[UserId | None, Meta(description="The API token they came with.")]
    action: Annotated[str, Meta(examples=["run.submit"])]
    object: Annotated[str, Meta(description="A run's or trigger's name, a user's or token's id.")]
    details: dict[str, Any]


class ActList(Answer):
    """Some of what was done, newest first."""

    acts: list[Act]
    next: Annotated[
        Count | None, Meta(description="Give it as `before` to see older ones; null: there are none.")
    ] = None
