"""Commands for webhooks: webhooks add, list, show, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ogdc_cli.commands.common import JsonOption, webhooks
from ogdc_cli.terminal import one_line, print_json, say
from ogdc_shared.outcomes import RunOutcome

if TYPE_CHECKING:
    from ogdc_shared.api.webhook_answers import Delivery, Webhook

WebhookArgument = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]

group = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.add_typer(group, name="webhooks", help="Notify URLs when your runs end.")


@group.command("add")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="The URL that notifications are POSTed to.")],
    *,
    on: Annotated[
        list[RunOutcome] | None,
        typer.Option(help="Only these outcomes; may be repeated.", show_default="all"),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="ID", help="Only runs of this recipe.", show_default="all")
    ] = None,
    trigger: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only runs of this trigger.", show_default="all")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a webhook for the ends of your runs, and print the secret that signs deliveries, only this once."""
    from ogdc_shared.api.requests import WebhookRequest

    asked = WebhookRequest(url=url, outcomes=on or None, recipe_id=recipe, trigger=trigger)
    made = webhooks().add(asked)
    if as_json:
        print_json(made)
        return
    say(made.secret)
    say(one_line(f"That is the secret of webhook {made.id}. Keep it now: it is not shown again."), err=True)


@group.command("list")
def list_webhooks(as_json: JsonOption = False) -> None:
    """List your webhooks."""
    found = webhooks().all()
    if as_json:
        print_json(found)
    elif not found:
        say("No webhooks.")
    for webhook in [] if as_json else found:
        say(one_line(_line(webhook)))


@group.command("show")
def show(
    webhook_id: WebhookArgument,
    deliveries: Annotated[
        int, typer.Option(min=0, max=1000, help="Maximum number of deliveries, newest first.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Print a webhook, with the outcomes of its newest deliveries."""
    webhook = webhooks().one(webhook_id, deliveries=deliveries)
    if as_json:
        print_json(webhook)
        return
    say(one_line(_line(webhook)))
    for delivery in webhook.deliveries:
        say(one_line(_delivery_line(delivery)))


@group.command("remove")
def remove(webhook_id: WebhookArgument) -> None:
    """Remove a webhook."""
    removed = webhooks().remove(webhook_id)
    say(one_line(f"Webhook {removed.id} is removed; {removed.url} gets no more notifications."))


def _line(webhook: Webhook) -> str:
    what = f"recipe {webhook.recipe_id}" if webhook.recipe_id else "all recipes"
    by = f", started by {webhook.trigger}" if webhook.trigger else ""
    return f"{webhook.id}  {', '.join(webhook.outcomes)} of {what}{by} → {webhook.url}"


def _delivery_line(delivery: Delivery) -> str:
    if delivery.delivered_at:
        became = f"delivered {delivery.delivered_at:%H:%M:%S}"
    elif delivery.next_attempt_at:
        became = f"again {delivery.next_attempt_at:%Y-%m-%d %H:%M:%S}"
    else:
        became = "given up"
    why = f": {delivery.message}" if delivery.message else ""
    return (
        f"{delivery.created_at:%Y-%m-%d %H:%M:%S}  {delivery.outcome:<9} {delivery.run}  "
        f"{became} (attempt {delivery.attempts}){why}"
    )
