"""Commands for user management by admins: users list, add, role, disable, enable; audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ogdc_cli.commands.common import JsonOption, accounts, completed
from ogdc_cli.terminal import one_line, print_json, say
from ogdc_shared.auth.caller import OWN_ISSUER
from ogdc_shared.auth.permissions import Role

if TYPE_CHECKING:
    from ogdc_shared.api.account_answers import Act, User
    from ogdc_shared.api.requests import UserChange

_NO_ROLE = "none"
_SHOWN_OF_ID = 8


def complete(incomplete: str) -> list[str]:
    """Names of users for a shell to complete."""
    return completed(incomplete, lambda client: [user.name for user in client.users()])


UserArgument = Annotated[
    str,
    typer.Argument(
        metavar="USER",
        help="The user's id, name, or subject.",
        autocompletion=complete,
    ),
]

users = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.add_typer(users, name="users", help="Manage users and roles; for admins.")
    app.command("audit", short_help="Print the audit log; for admins.")(audit)


@users.command("list")
def list_users(as_json: JsonOption = False) -> None:
    """List users, oldest first."""
    found = list(accounts().users())
    if as_json:
        print_json(found)
    elif not found:
        say("No users.")
    for user in [] if as_json else found:
        say(one_line(_line(user)))


@users.command("add")
def add(
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="The user's id at the issuer, such as an ORCID iD.")
    ],
    *,
    issuer: Annotated[
        str,
        typer.Option(
            help="The user's issuer: the URL of a login provider, or `ogdc` for a program with an API token."
        ),
    ] = OWN_ISSUER,
    name: Annotated[str | None, typer.Option(help="Display name.", show_default="SUBJECT")] = None,
    role: Annotated[Role | None, typer.Option(help="Their role.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a user before their first login, or a program."""
    from ogdc_shared.api.requests import UserRequest

    client = accounts()
    user = client.add_user(UserRequest(subject=subject, issuer=issuer, name=name, role=role))
    _tell(user, as_json=as_json)


@users.command("role")
def give_role(
    user: UserArgument,
    role: Annotated[
        str,
        typer.Argument(
            metavar="ROLE", help=f"{', '.join(Role)}, or none: derive it from their logins again."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Set the role of a user."""
    from ogdc_shared.api.requests import UserChange

    if role not in {*Role, _NO_ROLE}:
        raise typer.BadParameter(f"give one of {', '.join(Role)}, none")
    _change(user, UserChange(role=None if role == _NO_ROLE else Role(role)), as_json=as_json)


@users.command("disable")
def disable(user: UserArgument, as_json: JsonOption = False) -> None:
    """Disable a user immediately: their logins, API tokens and triggers."""
    from ogdc_shared.api.requests import UserChange

    _change(user, UserChange(disabled=True), as_json=as_json)


@users.command("enable")
def enable(user: UserArgument, as_json: JsonOption = False) -> None:
    """Enable a disabled user again."""
    from ogdc_shared.api.requests import UserChange

    _change(user, UserChange(disabled=False), as_json=as_json)


def audit(
    user: Annotated[str | None, typer.Option(help="Only actions of this user.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this kind of action, such as run.submit.")] = None,
    of: Annotated[
        str | None,
        typer.Option("--object", help="Only actions on this run, trigger, user or token."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number, newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Print who did what, newest first."""
    from itertools import islice

    found = list(islice(accounts().acts(user=user, action=action, object=of, limit=min(limit, 1000)), limit))
    if as_json:
        print_json(found)
    elif not found:
        say("Nothing was done.")
    for act in [] if as_json else found:
        say(one_line(_act_line(act)))


def _change(called: str, change: UserChange, *, as_json: bool) -> None:
    from ogdc_cli.user_names import find_user

    client = accounts()
    _tell(client.change_user(find_user(client, called).id, change), as_json=as_json)


def _tell(user: User, *, as_json: bool) -> None:
    if as_json:
        print_json(user)
    else:
        say(one_line(_line(user)))


def _line(user: User) -> str:
    role = "disabled" if user.disabled_at else user.role or "no role"
    seen = f", last seen {user.last_seen_on}" if user.last_seen_on else ""
    return f"{user.id}  {role:<9}  {user.name}  ({user.subject} of {user.issuer}{seen})"


def _act_line(act: Act) -> str:
    details = " ".join(f"{name}={value}" for name, value in act.details.items())
    # Several may be called the same, and anybody may call themselves the operator; `users list` has the ids.
    who = f"{act.user} ({act.user_id[:_SHOWN_OF_ID]})" if act.user_id else "the operator"
    return f"{act.at:%Y-%m-%d %H:%M:%S}  {act.action:<16}  {who}  {act.object}  {details}".rstrip()
