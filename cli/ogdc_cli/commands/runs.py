"""Commands about runs: submit, status, list, watch, logs, cancel, retry, outputs, get-output, ui."""

from __future__ import annotations

import sys
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ogdc_cli.commands.common import (
    FreshOption,
    JsonOption,
    NoCacheOption,
    OverwriteOption,
    PriorityOption,
    RecipeArgument,
    SetOption,
    connected,
)
from ogdc_cli.commands.run_argument import RunArgument, RunCommand, chosen
from ogdc_cli.terminal import fields, one_line, print_json, say, say_plain
from ogdc_shared.phases import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from ogdc_cli.api import ApiClient
    from ogdc_shared.api.answers import OutputEntry, Partition, Run

WaitOption = Annotated[
    bool, typer.Option("--wait", help="Follow the run to its end; fail unless it succeeds.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("submit", short_help="Submit a recipe to a deployment.")(submit)
    app.command("status", cls=RunCommand, short_help="Print a run's status, and why it failed.")(status)
    app.command("check-workflow-status", cls=RunCommand, short_help="Same as `status`.")(status)
    app.command("list")(list_runs)
    app.command("watch", cls=RunCommand, short_help="Follow a run until it ends.")(watch)
    app.command("logs", cls=RunCommand)(logs)
    app.command("cancel", cls=RunCommand)(cancel)
    app.command("retry", cls=RunCommand, short_help="Retry the failed tasks of a run.")(retry)
    app.command("outputs", cls=RunCommand, short_help="List the files of a run's result.")(outputs)
    app.command("get-output", cls=RunCommand, short_help="Download a run's result.")(get_output)
    app.command("ui", cls=RunCommand, short_help="Open the web page in a browser.")(ui)


def submit(
    recipe: RecipeArgument,
    *,
    parameters: SetOption = None,
    wait: WaitOption = False,
    overwrite: OverwriteOption = False,
    no_cache: NoCacheOption = False,
    fresh: FreshOption = False,
    priority: PriorityOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Submit a recipe to the deployment at OGDC_API_URL, or to the local stack."""
    from ogdc_cli import submission
    from ogdc_shared.api.parameters import read_assignments

    packed = submission.pack_recipe(recipe, parameters=read_assignments(parameters or ()))
    client = connected()
    submitted = submission.submit(
        client, packed, overwrite=overwrite, cache=not no_cache, fresh=fresh, priority=priority
    )
    if not as_json:
        say(one_line(submitted.message))
    if wait:
        _finish(client, submitted.name, as_json=as_json)
    elif as_json:
        print_json({"name": submitted.name, "message": submitted.message, "url": client.url})
    else:
        stands = "starts automatically" if submitted.waits else "runs"
        say(f"It {stands} at {client.url}; see how it goes with: ogdc-runner watch {submitted.name}")


def status(
    name: RunArgument,
    partitions: Annotated[
        bool, typer.Option("--partitions", help="Show its partitions, and the phase of each.")
    ] = False,
    tasks: Annotated[
        bool, typer.Option("--tasks", help="Show what each task fetched, ran and wrote, with resource usage.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print a run's status and, if it failed, the reason."""
    from ogdc_cli import outcome
    from ogdc_cli.facts import rows, stages
    from ogdc_cli.tasklog import plain

    client, name = chosen(name)
    run = client.run(name)
    divided = list(client.partitions(name)) if partitions else []
    done = list(client.facts(name)) if tasks else []
    if as_json:
        asked: dict[str, object] = {"partition_list": divided} if partitions else {}
        asked |= {"facts_list": done} if tasks else {}
        print_json(fields(run) | asked if asked else run)
        return
    progress = f" ({run.progress} tasks done)" if run.progress and run.status == Phase.RUNNING else ""
    say(one_line(f"{run.name}: {outcome.status(run)}{progress}"))
    for line in outcome.parameters(run):
        say(line)
    if run.message:
        say("  " + plain(run.message).replace("\n", "\n  "))
    for line in (*outcome.package(run), *outcome.warnings(run)):
        say(line)
    for line in filter(None, (*stages(run), outcome.removed(run))):
        say(one_line(line))
    if partitions:
        _print_partitions(run, divided)
    if done:
        _print_table(rows(done))


def list_runs(
    recipe: Annotated[str | None, typer.Option(help="Only runs of this recipe id.")] = None,
    run_status: Annotated[str | None, typer.Option("--status", help="Only runs of this status.")] = None,
    user: Annotated[str | None, typer.Option(help="Only runs submitted by this user.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number, newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first."""
    from itertools import islice

    found = connected(starting=True).runs(
        recipe_id=recipe,
        status=run_status and run_status.capitalize(),
        submitted_by=user,
        limit=min(limit, 200),
    )
    listed = list(islice(found, limit))
    if as_json:
        print_json(listed)
    elif not listed:
        say("No runs.")
    else:
        _print_table([("NAME", "STATUS", "SUBMITTED (UTC)", "BY"), *map(_row, listed)])


def watch(name: RunArgument, as_json: JsonOption = False) -> None:
    """Follow a run until it ends; fail unless it succeeded."""
    client, name = chosen(name)
    _finish(client, name, as_json=as_json)


def logs(
    name: RunArgument,
    tail: Annotated[int | None, typer.Option(min=1, help="Only this many of the last lines.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Print the worker's own lines as JSON.")] = False,
    task: Annotated[
        str | None,
        typer.Option(help="Only this task: `process/3`, or 3 for short; or one such as `publish`."),
    ] = None,
) -> None:
    """Print the output of a run's commands."""
    from ogdc_cli.logview import show
    from ogdc_cli.run_names import task_of

    client, name = chosen(name)
    show(client.logs(name, tail=tail, task=task and task_of(task)), raw=raw)


def cancel(name: RunArgument, as_json: JsonOption = False) -> None:
    """Stop a run."""
    from ogdc_cli.outcome import cancelling

    client, name = chosen(name)
    _changed(client.cancel(name), cancelling, as_json=as_json)


def retry(name: RunArgument, wait: WaitOption = False, as_json: JsonOption = False) -> None:
    """Retry the failed tasks of a run; results of successful ones are kept.

    The recipe is used as it was submitted. If you have changed it, submit it again instead.
    """
    from ogdc_cli.outcome import retrying

    client, name = chosen(name)
    shown = _log_so_far(client, name) if wait and not as_json else ""
    run = client.retry(name)
    if wait:
        _finish(client, name, as_json=as_json, shown=shown)
    else:
        _changed(run, retrying, as_json=as_json)


def outputs(name: RunArgument, as_json: JsonOption = False) -> None:
    """List the files of a run's result, with their sizes in bytes; provenance and STAC items come last."""
    from ogdc_shared.layout import PROVENANCE, STAC

    client, name = chosen(name)
    if as_json:
        print_json(list(client.outputs(name)))
        return
    companions = []
    for file in client.outputs(name):
        if file.path.partition("/")[0] in {PROVENANCE, STAC}:
            companions.append(file)
        else:
            say(_listed(file))
    for file in companions:
        say(_listed(file))


def _listed(file: OutputEntry) -> str:
    return one_line(f"{file.size:>14,}  {file.path}")


def get_output(
    name: RunArgument,
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]", help="One file of the result, as listed by `outputs`. Default: all."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            *("--output", "-o"),
            dir_okay=False,
            allow_dash=True,
            resolve_path=True,
            help="The file to write PATH to; `-` is standard output.",
        ),
    ] = None,
    output_dir: Annotated[
        Path, typer.Option(file_okay=False, resolve_path=True, help="Where to put the zip, or PATH.")
    ] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Download the zip of a run with `output: temporary`, or one file of any run's result."""
    if output is not None and path is None:
        raise typer.BadParameter(
            "--output names the file for PATH, one file of the result. For the zip, give --output-dir."
        )
    if output == Path("-") and sys.stdout.isatty():
        raise typer.BadParameter("standard output is a terminal; redirect it, or name a file.")
    client, name = chosen(name)
    if path is not None and output == Path("-"):
        client.copy_file(name, path, say_plain)
        return
    if path is None:
        written = client.download(client.output_url(name), output_dir)
    else:
        written = output or output_dir / path.rpartition("/")[2]
        client.download_file(name, path, written)
    if as_json:
        print_json({"name": name, "path": str(written)})
    else:
        say(one_line(f"Wrote {written}"))


def ui(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A run, given as for other commands.")
    ] = None,
) -> None:
    """Open the web page about all runs, or about one run, in a browser, and print its URL."""
    from ogdc_cli.login.browser import open_browser

    if name is None:
        url = f"{connected(starting=True).url}/ui/"
    else:
        client, run = chosen(name)
        url = f"{client.url}/ui/?run={run}"
    say(url)
    if not open_browser(url):
        say("No browser can be opened here; open that address in one.", err=True)


def _log_so_far(client: ApiClient, name: str) -> str:
    from ogdc_cli.progress import log_so_far

    return log_so_far(client, name)


def _finish(client: ApiClient, name: str, *, as_json: bool, shown: str = "") -> None:
    """Follow a run to its end, print how it ended, and leave with 1 unless it succeeded."""
    from ogdc_cli.interrupts import INTERRUPTS
    from ogdc_cli.outcome import outcome
    from ogdc_cli.progress import follow

    try:
        run = follow(client, name, quiet=as_json, shown=shown)
    except INTERRUPTS:
        say(f"{name} continues in the background. To stop it: ogdc-runner cancel {name}", err=True)
        raise
    if as_json:
        print_json(run)
    else:
        say(outcome(run), err=run.status != Phase.SUCCEEDED)
    if run.status != Phase.SUCCEEDED:
        raise typer.Exit(1)


def _changed(run: Run, in_words: Callable[[Run], str], *, as_json: bool) -> None:
    if as_json:
        print_json(run)
    else:
        say(in_words(run))


def _row(run: Run) -> tuple[str, ...]:
    from ogdc_cli.outcome import status

    return (run.name, status(run), f"{run.submitted_at:%Y-%m-%d %H:%M:%S}", run.submitted_by)


def _print_partitions(run: Run, partitions: list[Partition]) -> None:
    from ogdc_cli.partitions import rows, summary

    say(summary(run))
    if partitions:
        _print_table(rows(partitions))


def _print_table(rows: list[tuple[str, ...]]) -> None:
    rows = [tuple(map(one_line, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip())
