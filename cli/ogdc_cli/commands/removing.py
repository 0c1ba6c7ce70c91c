"""Commands that free disk space: rm, gc."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ogdc_cli.commands.common import JsonOption, connected
from ogdc_cli.commands.run_argument import RunArgument, RunCommand, chosen
from ogdc_cli.terminal import print_json, say
from ogdc_shared.phases import FAILED_PHASES, TERMINAL_PHASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ogdc_cli.api import ApiClient
    from ogdc_shared.api.answers import Run

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("rm", cls=RunCommand, short_help="Remove a run's artifacts; its record is kept.")(remove)
    app.command("gc", short_help="Remove the artifacts of failed runs.")(collect_garbage)


def remove(name: RunArgument, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Remove the artifacts of a run that has ended: its log, data kept for a retry, its download.

    Its record and its published data are kept. A run that has not ended is rejected.
    """
    from ogdc_shared.errors import RunStateError

    client, name = chosen(name)
    run = client.run(name, tasks=0)
    if run.status not in TERMINAL_PHASES:
        raise RunStateError(f"{name} has not ended ({run.status}). Stop it first: ogdc-runner cancel {name}")
    _remove(client, [run], dry_run=dry_run, as_json=as_json)


def collect_garbage(
    recipe: Annotated[str | None, typer.Option(help="Only runs of this recipe id.")] = None,
    older_than: Annotated[
        int, typer.Option(min=0, metavar="DAYS", help="Only runs older than this many days.")
    ] = 0,
    everything: Annotated[
        bool, typer.Option("--all", help="Also of successful runs: their logs and downloads.")
    ] = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the artifacts of failed runs: their logs, and data kept for a retry.

    Their records and published data are kept. Runs that have not ended are not affected.
    """
    client = connected(starting=True)
    before = datetime.now(UTC) - timedelta(days=older_than)
    found = _ended_runs(
        client, sorted(TERMINAL_PHASES if everything else FAILED_PHASES), recipe=recipe, before=before
    )
    _remove(client, found, dry_run=dry_run, as_json=as_json)


def _ended_runs(
    client: ApiClient, statuses: Iterable[str], *, recipe: str | None, before: datetime
) -> Iterator[Run]:
    for status in statuses:
        for run in client.runs(recipe_id=recipe, status=status, limit=200):
            ended_at = run.finished_at or run.submitted_at
            if ended_at <= before and not run.deleted_at:
                yield run


def _remove(client: ApiClient, runs: Iterable[Run], *, dry_run: bool, as_json: bool) -> None:
    names = []
    for run in runs:
        if not dry_run:
            client.remove(run.name)
        names.append(run.name)
        if as_json:
            continue
        if run.deleted_at:
            say(f"The artifacts of {run.name} were removed at {run.deleted_at:%Y-%m-%d %H:%M} UTC.")
        else:
            say(f"{'Would remove' if dry_run else 'Removed'} the artifacts of {run.name} ({run.status}).")
    if as_json:
        print_json({"removed": names, "dry_run": dry_run})
    elif not names:
        say("There is nothing to remove.")
