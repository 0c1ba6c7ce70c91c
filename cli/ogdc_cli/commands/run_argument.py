"""The argument that selects a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from ogdc_cli.commands.common import connected
from ogdc_cli.run_names import is_counted

if TYPE_CHECKING:
    from ogdc_cli.api import ApiClient

_MARK = "@"
"""Before `-1` while the command line is taken apart; no run's name has it."""


def complete(incomplete: str) -> list[str]:
    """Names of runs for a shell to complete, of a deployment that is named or a stack that is up."""
    from itertools import islice

    from ogdc_cli.api import ApiClient
    from ogdc_cli.run_names import names_beginning
    from ogdc_cli.settings import ClientSettings
    from ogdc_shared.errors import OgdcError

    try:
        settings = ClientSettings.from_env()
        if settings.by_default:
            return []
        return list(islice(names_beginning(ApiClient(settings), incomplete), 50))
    except (OgdcError, OSError):
        return []


RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The run: its name, a unique prefix of it, or -1 for your newest, -2 for the one before.",
        autocompletion=complete,
    ),
]


class RunCommand(TyperCommand):
    """A command about a run, which may be given as `-1`; click would take that for an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Mark what counts runs, unless it is the value of an option."""
        takes_value = {
            name
            for param in self.params
            if isinstance(param, TyperOption) and not param.is_flag
            for name in param.opts
        }
        marked = [
            _MARK + argument
            if is_counted(argument) and (not index or args[index - 1] not in takes_value)
            else argument
            for index, argument in enumerate(args)
        ]
        return super().parse_args(ctx, marked)


def chosen(argument: str) -> tuple[ApiClient, str]:
    """The client of the deployment that has the run, and the run's name."""
    from ogdc_cli.run_names import find_name

    client = connected(starting=True)
    return client, find_name(client, argument.removeprefix(_MARK))
