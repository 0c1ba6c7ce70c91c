"""Commands about the caller and the program itself: set-token, version."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ogdc_cli.terminal import one_line, say


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("set-token", short_help="Keep a deployment's tokens.")(set_token)
    app.command("version")(version)


def set_token(
    access: Annotated[str | None, typer.Option(help="The access token.")] = None,
    refresh: Annotated[str | None, typer.Option(help="The refresh token.")] = None,
    json_str: Annotated[
        str | None, typer.Option(help='Both as JSON: {"access_token": …, "refresh_token": …}.')
    ] = None,
) -> None:
    """Keep the tokens that a deployment's login page handed out; what is not given stays as it was."""
    from ogdc_cli.settings import ClientSettings, load_tokens, save_tokens

    given = _parse_tokens(json_str) | _present(access_token=access, refresh_token=refresh)
    if not given:
        raise typer.BadParameter("give at least one of --access, --refresh and --json-str")
    path = ClientSettings.from_env().token_file
    save_tokens(path, load_tokens(path) | given)
    say(f"Tokens kept in {path}.")


def version(
    api: Annotated[bool, typer.Option("--api", help="Ask the service for its version, too.")] = False,
) -> None:
    """Print the version of this program."""
    from importlib.metadata import version as installed

    say(f"ogdc-runner {installed('ogdc-runner')}")
    if api:
        from ogdc_cli.api import ApiClient
        from ogdc_cli.settings import ClientSettings

        client = ApiClient(ClientSettings.from_env())
        say(one_line(f"{client.url} {client.version()}"))


def _parse_tokens(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    try:
        tokens = json.loads(text)
        return _present(access_token=tokens.get("access_token"), refresh_token=tokens.get("refresh_token"))
    except (ValueError, AttributeError) as exc:
        raise typer.BadParameter('--json-str takes JSON such as {"access_token": "…"}') from exc


def _present(**tokens: str | None) -> dict[str, str]:
    return {key: value for key, value in tokens.items() if value}
