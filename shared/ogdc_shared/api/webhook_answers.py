"""The JSON responses about webhooks."""

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
    """A webhook, without its secret."""

    id: WebhookId
    owner: Annotated[str, Meta(description="Display name of the user whose runs it is for.")]
    url: HookUrl
    outcomes: list[RunOutcomeName]
    recipe_id: HookRecipe
    trigger: HookTrigger
    created_at: Time


class NewWebhook(Webhook, kw_only=True):
    """A new webhook, with its secret."""

    secret: Annotated[str, Meta(description="The key that signs deliveries; it is not shown again.")]


class WebhookList(Answer):
    """The caller's webhooks, oldest first."""

    webhooks: list[Webhook]


class Delivery(Answer):
    """The notification of one webhook about the end of one run."""

    id: Annotated[WebhookId, Meta(description="Also the id of the event, the same at each attempt.")]
    run: Name
    outcome: RunOutcomeName
    created_at: Time
    attempts: Count
    next_attempt_at: Annotated[Time | None, Meta(description="null: delivered, or given up.")]
    delivered_at: Annotated[Time | None, Meta(description="null: not delivered.")]
    message: Annotated[str | None, Meta(description="Why the last attempt failed; null: it did not.")]


class WebhookDetail(Webhook, kw_only=True):
    """A webhook and its latest deliveries."""

    deliveries: list[Delivery]
