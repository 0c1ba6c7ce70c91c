"""Login commands: login, logout, whoami, token, set-token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from ogdc_cli.commands.common import JsonOption, accounts
from ogdc_cli.terminal import one_line, print_json, say

if TYPE_CHECKING:
    from ogdc_cli.login.device import DeviceCode
    from ogdc_cli.login.session import Screen
    from ogdc_cli.settings import ClientSettings
    from ogdc_shared.api.account_answers import MeResponse


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("login", short_help="Log in to a deployment.")(login)
    app.command("logout", short_help="Log out of a deployment.")(logout)
    app.command("whoami", short_help="Print your identity and role on a deployment.")(whoami)
    app.command("token", short_help="Print an access token, for curl.")(token)
    app.command("set-token", short_help="Store tokens for a deployment.")(set_token)


def login(
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the URL instead of opening a browser.")
    ] = False,
    by_paste: Annotated[
        bool,
        typer.Option("--paste", help="Read a token, or the JSON of a login page, from stdin."),
    ] = False,
) -> None:
    """Log in to the deployment at OGDC_API_URL, with a code, in a browser on this machine, or with a token.

    The login is stored in a file that only you can read, used for this deployment only, and renewed
    automatically.
    """
    from ogdc_cli.login.session import log_in
    from ogdc_cli.settings import ClientSettings

    settings = ClientSettings.from_env()._replace(token=None)
    log_in(settings, _screen(with_browser=not no_browser), by_paste=by_paste)
    _greet(settings)


def logout() -> None:
    """Log out of the deployment at OGDC_API_URL, and have its issuer revoke the tokens."""
    from ogdc_cli.login.session import log_out
    from ogdc_cli.settings import ClientSettings

    settings = ClientSettings.from_env()
    found = log_out(settings)
    if found is None:
        say(f"No login to {settings.api_url} is kept.")
    elif found.issuer:
        say(f"Logged out of {settings.api_url}.")
    else:
        say(
            f"The token for {settings.api_url} was deleted here. It was not revoked, so it stays valid until "
            "it expires."
        )


def whoami(as_json: JsonOption = False) -> None:
    """Print your identity and role at the deployment at OGDC_API_URL."""
    me = accounts().me()
    if as_json:
        print_json(me)
    else:
        say(one_line(_described(me)))


def token() -> None:
    """Print a valid access token for the deployment at OGDC_API_URL, and nothing else.

    curl -H "Authorization: Bearer $(ogdc-runner token)" "$OGDC_API_URL/runs"
    """
    from ogdc_cli.login.credentials import UserCredentials
    from ogdc_cli.settings import ClientSettings

    say(UserCredentials(ClientSettings.from_env()).valid_token())


def set_token(
    access: Annotated[str | None, typer.Option(help="The access token.")] = None,
    refresh: Annotated[str | None, typer.Option(help="The refresh token.")] = None,
    json_str: Annotated[
        str | None, typer.Option(help='Both as JSON: {"access_token": …, "refresh_token": …}.')
    ] = None,
) -> None:
    """Store tokens from a deployment's login page; options that are not given change nothing.

    The tokens are used for the deployment at OGDC_API_URL. Other users of the machine can see these options
    while the command runs: prefer `ogdc-runner login --paste`, which reads from stdin.
    """
    from ogdc_cli.login.session import keep_pasted
    from ogdc_cli.settings import ClientSettings

    given = _parse_tokens(json_str) | _present(access=access, refresh=refresh)
    if not given:
        raise typer.BadParameter("give at least one of --access, --refresh and --json-str")
    settings = ClientSettings.from_env()
    keep_pasted(settings, access=given.get("access"), refresh=given.get("refresh"))
    say(f"Tokens for {settings.api_url} kept in {settings.token_file}.")


def _greet(settings: ClientSettings) -> None:
    """Print who has logged in, according to the deployment."""
    from ogdc_cli.accounts import Accounts
    from ogdc_cli.transport import ApiError

    say(f"The login is kept in {settings.token_file}.")
    try:
        say(one_line(f"Logged in to {settings.api_url}: {_described(Accounts(settings).me())}"))
    except ApiError as exc:
        raise type(exc)(f"The deployment does not let you in yet: {exc}", status=exc.status) from exc


def _described(me: MeResponse) -> str:
    """Who somebody is, in a line."""
    if me.id is None:
        return f"{me.name}. This deployment has no logins, so the name is not verified."
    text = f"{me.name}, {me.role} (subject {me.subject} of {me.issuer})"
    if me.token is None:
        return text
    return f"{text}, by the API token {me.token.name!r}, until {me.token.expires_at:%Y-%m-%d %H:%M} UTC"


def _screen(*, with_browser: bool) -> Screen:
    from ogdc_cli.login.browser import open_browser
    from ogdc_cli.login.session import Screen

    def show_code(given: DeviceCode) -> None:
        whole = given.verification_uri_complete
        say(one_line(f"Open {given.verification_uri} in any browser, and enter the code: {given.user_code}"))
        if whole:
            say(one_line(f"Or open {whole}, and compare the code."))
        opened = with_browser and open_browser(whole or given.verification_uri)
        say("A browser is opened. Waiting …" if opened else "Waiting …", err=True)

    def show_url(url: str) -> None:
        say(one_line(f"Open this in a browser on this machine: {url}"))
        opened = with_browser and open_browser(url)
        say(
            "A browser is opened. Waiting …"
            if opened
            else "Waiting … (Without a browser here: ogdc-runner login --paste)",
            err=True,
        )

    def ask_for_token(url: str) -> None:
        say(one_line(f"Log in at {url}"))

    return Screen(show_code, show_url, ask_for_token)


def _parse_tokens(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    try:
        tokens = json.loads(text)
        return _present(access=tokens.get("access_token"), refresh=tokens.get("refresh_token"))
    except (ValueError, AttributeError) as exc:
        raise typer.BadParameter('--json-str takes JSON such as {"access_token": "…"}') from exc


def _present(**tokens: str | None) -> dict[str, str]:
    return {key: value for key, value in tokens.items() if value}
