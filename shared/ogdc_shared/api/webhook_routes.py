"""The routes of webhooks; part of the table of routes."""

from __future__ import annotations

from ogdc_shared.api import requests, webhook_answers
from ogdc_shared.api.parameters import Number
from ogdc_shared.api.route import Function, Route
from ogdc_shared.auth.permissions import CHANGE, CREATE, READ_OWN

DELIVERIES = Number("deliveries", 0, 1000, 20, "Maximum number of deliveries; the newest are returned.")

WEBHOOK_ROUTES = (
    Route(
        "add_webhook",
        "POST",
        "/webhooks",
        (Function.USERS,),
        CREATE,
        "Create a webhook: a URL is notified when runs of the caller end",
        webhook_answers.NewWebhook,
        errors=(403, 409),
        request=requests.WebhookRequest,
        about="See [notifications](notifications.md). The response contains the `secret`, shown only once.",
    ),
    Route(
        "list_webhooks",
        "GET",
        "/webhooks",
        (Function.USERS,),
        READ_OWN,
        "The caller's webhooks, oldest first",
        webhook_answers.WebhookList,
        errors=(403,),
    ),
    Route(
        "show_webhook",
        "GET",
        "/webhooks/{webhook_id}",
        (Function.USERS,),
        READ_OWN,
        "A webhook with its latest deliveries",
        webhook_answers.WebhookDetail,
        errors=(403, 404),
        query=(DELIVERIES,),
    ),
    Route(
        "remove_webhook",
        "DELETE",
        "/webhooks/{webhook_id}",
        (Function.USERS,),
        CHANGE,
        "Delete a webhook; nothing more is sent to it",
        webhook_answers.Webhook,
        errors=(403, 404),
    ),
)
