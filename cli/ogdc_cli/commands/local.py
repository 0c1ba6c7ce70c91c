"""Commands of the stack on this machine: run, up, down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ogdc_cli.commands.common import (
    OUTPUTS,
    FreshOption,
    JsonOption,
    NoCacheOption,
    RecipeArgument,
    SetOption,
)
from ogdc_cli.terminal import fields, one_line, print_json, say
from ogdc_shared.phases import Phase

_LISTED = 20


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("run", short_help="Run a recipe on this machine.")(run)
    app.command("up", short_help="Start the local stack.")(up)
    app.command("down", short_help="Stop the local stack.")(down)


def run(
    recipe: RecipeArgument,
    *,
    output_dir: Annotated[
        Path,
        typer.Option(file_okay=False, help="Directory for outputs, in a subdirectory named like the run."),
    ] = OUTPUTS,
    parameters: SetOption = None,
    no_cache: NoCacheOption = False,
    fresh: FreshOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a recipe on this machine, and write its outputs to ./ogdc-output/.

    Starts the local stack if it is not up. A stack that was started this way stops after ten idle minutes.
    Ctrl-C cancels the run.
    """
    from ogdc_cli.running import run_recipe
    from ogdc_local.stack.control import IDLE_SECONDS
    from ogdc_shared.api.parameters import read_assignments

    done = run_recipe(
        recipe,
        parameters=read_assignments(parameters or ()),
        output_dir=output_dir,
        idle_timeout=IDLE_SECONDS,
        cache=not no_cache,
        fresh=fresh,
        quiet=as_json,
    )
    from ogdc_cli.outcome import failure, package, warnings

    if as_json:
        print_json(fields(done.run) | {"outputs": [str(path) for path in done.outputs]})
    elif done.run.status == Phase.SUCCEEDED:
        say(f"{done.run.name}: Succeeded. Outputs:")
        _print_outputs(done.run.name, done.outputs)
        for line in package(done.run):
            say(line)
        for line in warnings(done.run):
            say(line, err=True)
    else:
        say(failure(done.run), err=True)
    if done.run.status != Phase.SUCCEEDED:
        raise typer.Exit(1)


def up(
    set_damaged_aside: Annotated[
        bool, typer.Option("--set-damaged-aside", help="Rename damaged state files and start with new ones.")
    ] = False,
    admin_token: Annotated[
        bool,
        typer.Option(
            "--admin-token",
            help="Print a new token of the first admin and revoke older ones, if logins are required.",
        ),
    ] = False,
) -> None:
    """Start the local stack: PostgreSQL, the functions on one port, and the engine. It stays up until `down`.

    With OGDC_LOCAL_ACCESS_MODE=authenticated callers must log in, and the first admin's token is shown once.
    """
    from ogdc_local.stack.admin import first_admin_token
    from ogdc_local.stack.control import ensure_up, ensure_up_without_damaged

    if set_damaged_aside:
        stack, aside = ensure_up_without_damaged(idle_timeout=None)
        for path in aside:
            say(f"Set aside: {path}")
    else:
        stack = ensure_up(idle_timeout=None)
    say(f"The stack is up: {stack.url}")
    if shown := first_admin_token(stack, anew=admin_token):
        say(shown)


def down() -> None:
    """Stop the local stack; runs that have not ended continue at the next start."""
    from ogdc_local.stack import control

    say("The stack is down." if control.down() else "No stack was up.")


def _print_outputs(run: str, paths: tuple[Path, ...]) -> None:
    for path in paths[:_LISTED]:
        say(one_line(f"  {path}"))
    if len(paths) > _LISTED:
        say(f"  … and {len(paths) - _LISTED:,} more; to list all: ogdc-runner outputs {run}")
