"""Commands of the stack on this machine: run, up, down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ogdc_cli.commands.recipes import RecipeArgument

IDLE_SECONDS = 600


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("run")(run)
    app.command("up")(up)
    app.command("down")(down)


def run(
    recipe: RecipeArgument,
    output_dir: Annotated[
        Path, typer.Option(file_okay=False, help="Where outputs go, in a directory of the run's name.")
    ] = Path("ogdc-output"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON at the end.")] = False,
) -> None:
    """Run a recipe on this machine, to completion, and put its outputs into ./ogdc-output/.

    Starts the local stack where it is not up; a stack started so stops by itself after ten idle minutes.
    """
    from ogdc_cli.local.running import run_recipe

    done = run_recipe(recipe, output_dir=output_dir, idle_timeout=IDLE_SECONDS, quiet=as_json)
    if as_json:
        import json

        typer.echo(json.dumps(done.run | {"outputs": [str(path) for path in done.outputs]}, indent=2))
    elif done.outputs:
        typer.echo(f"{done.run['name']}: Succeeded. Outputs:")
        for path in done.outputs:
            typer.echo(f"  {path}")
    else:
        typer.echo(f"{done.run['name']}: {done.run['status']}. {done.run.get('message') or ''}", err=True)
        typer.echo(f"See: ogdc-runner logs {done.run['name']}", err=True)
    if done.run["status"] != "Succeeded":
        raise typer.Exit(1)


def up() -> None:
    """Start the local stack: PostgreSQL, the functions behind one port, the engine."""
    from ogdc_cli.local.control import ensure_up

    stack = ensure_up(idle_timeout=None)
    typer.echo(f"The stack is up: {stack.url}")


def down() -> None:
    """Stop the local stack; runs that have not ended go on at the next `up`."""
    from ogdc_cli.local import control

    typer.echo("The stack is down." if control.down() else "No stack was up.")
