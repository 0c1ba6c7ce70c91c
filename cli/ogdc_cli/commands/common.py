"""Options and helpers shared by several groups of commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ogdc_cli.accounts import Accounts
    from ogdc_cli.api import ApiClient
    from ogdc_cli.settings import ClientSettings
    from ogdc_cli.webhooks import Webhooks

OUTPUTS = Path("ogdc-output")
"""Where `run` puts outputs by default, in a directory with the run's name."""
RecipeArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe directory or archive, or a location to fetch it from: "
        "github://org:repo@ref/path, https://….tar.gz, s3://bucket/path.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NoCacheOption = Annotated[
    bool, typer.Option("--no-cache", help="Fetch every input again, and keep none for later runs.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="The value of one parameter of the recipe; may be repeated."
    ),
]
FreshOption = Annotated[
    bool, typer.Option("--fresh", help="Run everything again; reuse no results of earlier runs.")
]
PriorityOption = Annotated[
    int,
    typer.Option(
        min=-100,
        max=100,
        help="Queued runs with a higher priority start first; above 0 is for admins.",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace data published by an earlier run of this recipe.")
]


def connected(*, starting: bool = False) -> ApiClient:
    """Return a client of the deployment that the environment names, or of the local stack.

    With `starting`, for commands about existing runs, a stopped local stack with runs is started.
    """
    from ogdc_cli.api import ApiClient

    return ApiClient(_settings(starting=starting))


def webhooks() -> Webhooks:
    """The caller's webhooks at the deployment that the environment names, or at the local stack."""
    from ogdc_cli.webhooks import Webhooks

    return Webhooks(_settings(starting=True))


def _settings(*, starting: bool) -> ClientSettings:
    from ogdc_cli.settings import ClientSettings

    settings = ClientSettings.from_env()
    if starting and settings.by_default:
        from ogdc_local.stack.control import revived

        if stack := revived():
            settings = settings.at_stack(stack.url)
    return settings


def accounts() -> Accounts:
    """Users of the deployment that the environment names, or of the local stack."""
    from ogdc_cli.accounts import Accounts
    from ogdc_cli.settings import ClientSettings

    return Accounts(ClientSettings.from_env())


def completed(incomplete: str, names: Callable[[Accounts], list[str]]) -> list[str]:
    """Names for a shell to complete, of a deployment that is named or a stack that is up."""
    from ogdc_cli.accounts import Accounts
    from ogdc_cli.settings import ClientSettings
    from ogdc_shared.errors import OgdcError

    try:
        settings = ClientSettings.from_env()
        if settings.by_default:
            return []
        return [name for name in names(Accounts(settings)) if name.startswith(incomplete)]
    except (OgdcError, OSError):
        return []
