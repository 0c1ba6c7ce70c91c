"""Commands for API tokens: tokens create, list, revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ogdc_cli.commands.common import JsonOption, accounts, completed
from ogdc_cli.terminal import one_line, print_json, say
from ogdc_shared.auth.permissions import Role

if TYPE_CHECKING:
    from ogdc_shared.api.account_answers import Token


def complete(incomplete: str) -> list[str]:
    """Names of the caller's tokens for a shell to complete."""
    return completed(incomplete, lambda client: [token.name for token in client.tokens()])


TokenArgument = Annotated[
    str, typer.Argument(metavar="TOKEN", help="The token's id or name.", autocompletion=complete)
]
EverybodyOption = Annotated[bool, typer.Option("--all", help="The tokens of all users; for admins.")]

tokens = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.add_typer(tokens, name="tokens", help="Manage API tokens for programs.")


@tokens.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for.")],
    *,
    role: Annotated[
        Role | None, typer.Option(help="Limit the token to this role.", show_default="your own")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="Lifetime in days.", show_default="set by the deployment")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Its owner, a service account; for admins.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Create an API token and print it; it cannot be shown again."""
    from ogdc_cli.user_names import find_user
    from ogdc_shared.api.requests import TokenRequest

    client = accounts()
    owner = None if user is None else find_user(client, user).id
    made = client.add_token(TokenRequest(name=name, role=role, days=days, user=owner))
    if as_json:
        print_json(made)
        return
    say(made.token)
    say(
        one_line(
            f"That is the token {made.name!r} of {made.owner}, {made.role} at most, until "
            f"{made.expires_at:%Y-%m-%d}. Keep it now: it is not shown again."
        ),
        err=True,
    )


@tokens.command("list")
def list_tokens(everybody: EverybodyOption = False, as_json: JsonOption = False) -> None:
    """List API tokens that are not revoked."""
    found = list(accounts().tokens(everybody=everybody))
    if as_json:
        print_json(found)
    elif not found:
        say("No tokens.")
    for token in [] if as_json else found:
        say(one_line(_line(token)))


@tokens.command("revoke")
def revoke(token: TokenArgument, as_json: JsonOption = False) -> None:
    """Revoke an API token immediately."""
    from ogdc_cli.user_names import token_id

    client = accounts()
    revoked = client.revoke_token(token_id(client, token))
    if as_json:
        print_json(revoked)
    else:
        say(one_line(f"The token {revoked.name!r} of {revoked.owner} is revoked."))


def _line(token: Token) -> str:
    used = f"last used {token.last_used_on}" if token.last_used_on else "never used"
    until = f"until {token.expires_at:%Y-%m-%d}"
    return f"{token.id}  {token.role:<9}  {token.name}  ({token.owner}, {until}, {used})"
