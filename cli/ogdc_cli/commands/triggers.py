"""Commands for triggers: triggers list, show, add, remove."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ogdc_cli.commands.common import JsonOption, connected
from ogdc_cli.terminal import one_line, print_json, say

if TYPE_CHECKING:
    from ogdc_shared.api.trigger_answers import Trigger

TriggerArgument = Annotated[str, typer.Argument(metavar="NAME", help="The trigger's name.")]
ScheduleOption = Annotated[
    str | None,
    typer.Option(metavar="CRON", help="A cron expression such as '0 3 * * MON-FRI'; instead of --bucket."),
]
TimeZoneOption = Annotated[
    str, typer.Option(metavar="NAME", help="Time zone of the schedule, such as America/Anchorage.")
]
IfChangedOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        help="Run only if this has changed since the last run; may be repeated. A URL, s3://BUCKET/PREFIX, "
        "dataone:IDENTIFIER, github://OWNER:REPOSITORY@REF or git+https://HOST/PATH@REF.",
    ),
]
QueueOption = Annotated[
    bool, typer.Option("--queue", help="Wait for the previous run to end, instead of skipping the start.")
]

triggers = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.add_typer(triggers, name="triggers", help="Start runs by uploads or on a schedule.")


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
    uploads: Annotated[
        int, typer.Option(min=0, max=1000, help="Maximum number of uploads or starts, newest first.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Print a trigger, with the outcomes of its newest uploads or starts."""
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
    for start in trigger.starts:
        became = start.run or start.message or ""
        say(one_line(f"{start.scheduled_for:%Y-%m-%d %H:%M} UTC  {start.outcome:<9} {became}".rstrip()))


@triggers.command("add")
def add(
    name: TriggerArgument,
    *,
    bucket: Annotated[str | None, typer.Option(help="The bucket with the uploads.")] = None,
    schedule: ScheduleOption = None,
    time_zone: TimeZoneOption = "UTC",
    if_changed: IfChangedOption = None,
    queue: QueueOption = False,
    recipe: Annotated[
        str | None, typer.Option(help="The recipe to run; without one, the uploads themselves are recipes.")
    ] = None,
    pattern: Annotated[str, typer.Option(help="Glob pattern of keys, such as incoming/**/*.tif.")] = "**",
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Kind of upload: put, post, copy or multipart; may be repeated."),
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Base URL for reading objects of the bucket.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Runs replace the recipe's published data.")
    ] = False,
    no_object: Annotated[
        bool, typer.Option("--no-object", help="Do not make the object an input of the run.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Add a trigger that starts runs for uploads or on a schedule; the runs belong to you."""
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
        schedule=schedule,
        time_zone=time_zone,
        watched=if_changed or [],
        queues=queue,
    )
    trigger = connected().add_trigger(asked)
    if as_json:
        print_json(trigger)
    else:
        say(f"Trigger {trigger.name} is set. To show it: ogdc-runner triggers show {name}")


@triggers.command("remove")
def remove(name: TriggerArgument) -> None:
    """Remove a trigger; its runs are kept."""
    say(one_line(connected(starting=True).remove_trigger(name)))


def _location(recipe: str) -> str:
    """The recipe's location as the service finds it; a path of this machine is for the local stack."""
    from ogdc_cli.recipes import is_remote

    return recipe if is_remote(recipe) else str(Path(recipe).expanduser().resolve())


def _line(trigger: Trigger) -> str:
    what = trigger.recipe_path or "the uploaded recipe"
    return f"{trigger.name}  {_cause(trigger)} → {what}  ({trigger.owner})"


def _cause(trigger: Trigger) -> str:
    if trigger.schedule is None:
        return f"{trigger.bucket}/{trigger.pattern}"
    changed = f" if {', '.join(trigger.watched)} changed" if trigger.watched else ""
    due = f", next {trigger.next_start_at:%Y-%m-%d %H:%M} UTC" if trigger.next_start_at else ""
    return f"{trigger.schedule} ({trigger.time_zone}){changed}{due}"
