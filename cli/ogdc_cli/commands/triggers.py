"""Commands about triggers, which have uploads start runs: triggers list, show, add, remove."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ogdc_cli.commands.common import JsonOption, connected
from ogdc_cli.terminal import one_line, print_json, say

if TYPE_CHECKING:
    from ogdc_shared.api.answers import Trigger

TriggerArgument = Annotated[str, typer.Argument(metavar="NAME", help="The trigger's name.")]

triggers = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.add_typer(triggers, name="triggers", help="Have uploads start runs.")


@triggers.command("list")
def list_triggers(as_json: JsonOption = False) -> None:
    """List triggers."""
    found = connected(starting=True).triggers()
    if as_json:
        print_json(found)
    elif not found:
        say("No triggers.")
    for trigger in [] if as_json else found:
        say(one_line(_line(trigger)))


@triggers.command("show")
def show(
    name: TriggerArgument,
    uploads: Annotated[int, typer.Option(min=0, max=1000, help="How many uploads, newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Print a trigger, and what became of its newest uploads."""
    trigger = connected(starting=True).trigger(name, uploads=uploads)
    if as_json:
        print_json(trigger)
        return
    say(one_line(_line(trigger)))
    for upload in trigger.uploads:
        became = upload.run or upload.message or ""
        say(
            one_line(
                f"{upload.received_at:%Y-%m-%d %H:%M:%S}  {upload.outcome:<8} {upload.key}  {became}".rstrip()
            )
        )


@triggers.command("add")
def add(
    name: TriggerArgument,
    *,
    bucket: Annotated[str, typer.Option(help="The bucket that is uploaded to.")],
    recipe: Annotated[
        str | None, typer.Option(help="The recipe to run; without one, the uploads themselves are recipes.")
    ] = None,
    pattern: Annotated[
        str, typer.Option(help="Which keys: * within a part, ** across parts, as in incoming/**/*.tif.")
    ] = "**",
    kind: Annotated[
        list[str] | None,
        typer.Option(help="How the object came: put, post, copy or multipart; may be repeated."),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Where the bucket's objects are read, without the key.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Runs replace the recipe's published data.")
    ] = False,
    no_object: Annotated[
        bool, typer.Option("--no-object", help="Do not make the object an input of the run.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Have uploads start runs, which will be yours."""
    from ogdc_shared.api.requests import TriggerRequest

    asked = TriggerRequest(
        name=name,
        bucket=bucket,
        pattern=pattern,
        kinds=kind or [],
        recipe_path=None if recipe is None else _location(recipe),
        overwrite=overwrite,
        pass_object=not no_object,
        base_url=base_url,
    )
    trigger = connected().add_trigger(asked)
    if as_json:
        print_json(trigger)
    else:
        say(f"Trigger {trigger.name} is set; see what it does with: ogdc-runner triggers show {name}")


@triggers.command("remove")
def remove(name: TriggerArgument) -> None:
    """Remove a trigger; the runs it started stay."""
    say(one_line(connected(starting=True).remove_trigger(name)))


def _location(recipe: str) -> str:
    """The recipe's location as the service finds it; a path of this machine is for the local stack."""
    from ogdc_cli.recipes import is_remote

    return recipe if is_remote(recipe) else str(Path(recipe).expanduser().resolve())


def _line(trigger: Trigger) -> str:
    what = trigger.recipe_path or "the uploaded recipe"
    return f"{trigger.name}  {trigger.bucket}/{trigger.pattern} → {what}  ({trigger.owner})"
