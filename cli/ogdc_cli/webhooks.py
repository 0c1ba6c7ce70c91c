"""Client for the webhooks of the HTTP API."""

from __future__ import annotations

from msgspec.json import encode

from ogdc_cli.api import JSON, segment
from ogdc_cli.settings import ClientSettings
from ogdc_cli.transport import Transport
from ogdc_shared.api import webhook_answers as answers
from ogdc_shared.api.requests import WebhookRequest
from ogdc_shared.errors import UnknownWebhookError


class Webhooks:
    """The caller's webhooks at one deployment.

    Every call raises `ApiError` if the service rejects it or does not answer.
    """

    def __init__(self, settings: ClientSettings) -> None:
        """Prepare a client; no request is sent yet.

        Args:
            settings: The deployment and how to reach it.
        """
        self._transport = Transport(settings)

    def all(self) -> list[answers.Webhook]:
        """Return the webhooks, oldest first."""
        return self._transport.call("GET", "/webhooks", answers.WebhookList).webhooks

    def one(self, webhook_id: str, *, deliveries: int) -> answers.WebhookDetail:
        """Return a webhook with its newest `deliveries`."""
        path = f"{_path(webhook_id)}?deliveries={deliveries}"
        return self._transport.call("GET", path, answers.WebhookDetail)

    def add(self, asked: WebhookRequest) -> answers.NewWebhook:
        """Create a webhook, which notifies a URL of the ends of runs."""
        return self._transport.call("POST", "/webhooks", answers.NewWebhook, body=encode(asked), headers=JSON)

    def remove(self, webhook_id: str) -> answers.Webhook:
        """Remove a webhook; pending deliveries are dropped."""
        return self._transport.call("DELETE", _path(webhook_id), answers.Webhook)


def _path(webhook_id: str) -> str:
    return f"/webhooks/{segment(webhook_id, UnknownWebhookError)}"
