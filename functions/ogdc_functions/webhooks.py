"""Handlers of webhooks; part of the users service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import asdict

from ogdc_functions.http.routing import Call
from ogdc_shared.api import webhook_answers as answers
from ogdc_shared.api import webhook_routes
from ogdc_shared.context import Context

if TYPE_CHECKING:
    from ogdc_shared.webhooks.record import Delivery, Webhook


def add_webhook(context: Context, call: Call) -> answers.NewWebhook:
    """Create a webhook."""
    from ogdc_functions.http.bodies import read_struct
    from ogdc_shared.api.requests import WebhookRequest
    from ogdc_shared.webhooks import manage

    made = manage.add_webhook(context, read_struct(call.request, WebhookRequest), caller=call.caller)
    return answers.NewWebhook(**asdict(_webhook_view(made.webhook)), secret=made.secret)


def list_webhooks(context: Context, call: Call) -> answers.WebhookList:
    """Show the caller's webhooks."""
    from ogdc_shared.webhooks import manage

    found = manage.list_webhooks(context, caller=call.caller)
    return answers.WebhookList(webhooks=[_webhook_view(each) for each in found])


def show_webhook(context: Context, call: Call, webhook_id: str) -> answers.WebhookDetail:
    """Show a webhook and its latest deliveries."""
    from ogdc_shared.webhooks import manage

    webhook, deliveries = manage.show_webhook(
        context,
        webhook_id,
        caller=call.caller,
        deliveries=webhook_routes.DELIVERIES.read(call.request.args),
    )
    return answers.WebhookDetail(
        **asdict(_webhook_view(webhook)), deliveries=[_delivery_view(each) for each in deliveries]
    )


def remove_webhook(context: Context, call: Call, webhook_id: str) -> answers.Webhook:
    """Delete a webhook."""
    from ogdc_shared.webhooks import manage

    return _webhook_view(manage.remove_webhook(context, webhook_id, caller=call.caller))


def _webhook_view(webhook: Webhook) -> answers.Webhook:
    return answers.Webhook(
        id=str(webhook.id),
        owner=webhook.owner,
        url=webhook.url,
        outcomes=webhook.outcomes,
        recipe_id=webhook.recipe_id,
        trigger=webhook.trigger_name,
        created_at=webhook.created_at,
    )


def _delivery_view(delivery: Delivery) -> answers.Delivery:
    return answers.Delivery(
        id=str(delivery.id),
        run=delivery.run,
        outcome=delivery.outcome,
        created_at=delivery.created_at,
        attempts=delivery.attempts,
        next_attempt_at=delivery.due_at,
        delivered_at=delivery.delivered_at,
        message=delivery.message,
    )
