"""What is answered about webhooks, in JSON."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ogdc_shared.api.answers import Answer
from ogdc_shared.api.fields import (
    Count,
    HookRecipe,
    HookTrigger,
    HookUrl,
    Name,
    RunOutcomeName,
    Time,
    WebhookId,
)


class Webhook(Answer):
    """Who is told of the ends of a user's runs, but for the secret."""

    id: WebhookId
    owner: Annotated[str, Meta(description="Of whose runs it tells, as they are shown.")]
    url: HookUrl
    outcomes: list[RunOutcomeName]
    recipe_id: HookRecipe
    trigger: HookTrigger
    created_at: Time


class NewWebhook(Webhook, kw_only=True):
    """A webhook at its making."""

    secret: Annotated[str, Meta(description="What deliveries are signed with; it is not shown again.")]


class WebhookList(Answer):
    """The caller's webhooks, those made first at the top."""

    webhooks: list[Webhook]


class Delivery(Answer):
    """The end of a run that a webhook is told of."""

    id: Annotated[WebhookId, Meta(description="Also of the event, at each attempt.")]
    run: Name
    outcome: RunOutcomeName
    created_at: Time
    attempts: Count
    next_attempt_at: Annotated[Time | None, Meta(description="null: it was delivered, or given up.")]
    delivered_at: Annotated[Time | None, Meta(description="null: it was not.")]
    message: Annotated[str | None, Meta(description="Why the last attempt failed; null: none has.")]


class WebhookDetail(Webhook, kw_only=True):
    """A webhook and its newest deliveries."""

    deliveries: list[Delivery]
