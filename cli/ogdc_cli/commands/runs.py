"""Commands about runs: submit, status, list, watch, logs, cancel, retry, get-output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ogdc_cli.commands.recipes import RecipeArgument

if TYPE_CHECKING:
    from ogdc_cli.api import ApiClient

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The run's name, as `submit` printed it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Stay until the run ends; fail unless it succeeded.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace the data an earlier run of this recipe published.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("submit")(submit)
    app.command("status")(status)
    app.command("check-workflow-status", help="Same as `status`.")(status)
    app.command("list")(list_runs)
    app.command("watch")(watch)
    app.command("logs")(logs)
    app.command("cancel")(cancel)
    app.command("retry")(retry)
    app.command("get-output")(get_output)


def submit(
    recipe: RecipeArgument,
    wait: WaitOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Submit a recipe to the deployment at OGDC_API_URL, or to the local stack."""
    from ogdc_cli.submission import submit_recipe

    client = _client()
    submitted = submit_recipe(client, recipe, overwrite=overwrite)
    if wait:
        if not as_json:
            typer.echo(submitted.message)
        _finish(client, submitted.name, as_json=as_json)
    elif as_json:
        _print_json({"name": submitted.name, "message": submitted.message})
    else:
        typer.echo(submitted.message)
        typer.echo(f"See how it goes with: ogdc-runner watch {submitted.name}")


def status(name: NameArgument, as_json: JsonOption = False) -> None:
    """Print a run's status and, where it failed, why."""
    run = _client().run(name)
    if as_json:
        _print_json(run)
        return
    progress = f" ({run['progress']})" if run.get("progress") and run["status"] == "Running" else ""
    typer.echo(f"{run['name']}: {run['status']}{progress}")
    if run.get("message"):
        typer.echo(run["message"])


def list_runs(
    recipe: Annotated[str | None, typer.Option(help="Only runs of this recipe id.")] = None,
    run_status: Annotated[str | None, typer.Option("--status", help="Only runs of this status.")] = None,
    user: Annotated[str | None, typer.Option(help="Only runs submitted by this user.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first."""
    from itertools import islice

    found = _client().runs(recipe_id=recipe, status=run_status, submitted_by=user, limit=min(limit, 200))
    listed = list(islice(found, limit))
    if as_json:
        _print_json(listed)
    elif not listed:
        typer.echo("No runs.")
    else:
        _print_table([("NAME", "STATUS", "SUBMITTED", "BY")] + [_row(run) for run in listed])


def watch(name: NameArgument, as_json: JsonOption = False) -> None:
    """Follow a run until it ends; fail unless it succeeded."""
    _finish(_client(), name, as_json=as_json)


def logs(
    name: NameArgument,
    tail: Annotated[int | None, typer.Option(min=1, help="Only the last lines.")] = None,
) -> None:
    """Print what a run's commands wrote."""
    typer.echo(_client().logs(name, tail=tail), nl=False)


def cancel(name: NameArgument, as_json: JsonOption = False) -> None:
    """Stop a run."""
    _changed(_client().cancel(name), as_json=as_json)


def retry(name: NameArgument, wait: WaitOption = False, as_json: JsonOption = False) -> None:
    """Run again what failed of a run; what succeeded is kept."""
    client = _client()
    run = client.retry(name)
    if wait:
        _finish(client, name, as_json=as_json)
    else:
        _changed(run, as_json=as_json)


def get_output(
    name: NameArgument,
    output_dir: Annotated[
        Path, typer.Option(file_okay=False, resolve_path=True, help="Where to put the zip.")
    ] = Path(),
) -> None:
    """Download the zip of a run whose recipe has `output: temporary`."""
    client = _client()
    written = client.download(client.output_url(name), output_dir)
    typer.echo(f"Wrote {written}")


def _client() -> ApiClient:
    from ogdc_cli.api import ApiClient
    from ogdc_cli.settings import ClientSettings

    return ApiClient(ClientSettings.from_env())


def _finish(client: ApiClient, name: str, *, as_json: bool) -> None:
    from ogdc_cli.progress import follow

    run = follow(client, name, quiet=as_json)
    if as_json:
        _print_json(run)
    else:
        typer.echo(_outcome(run))
    if run["status"] != "Succeeded":
        raise typer.Exit(1)


def _outcome(run: dict[str, Any]) -> str:
    name = run["name"]
    if run["status"] != "Succeeded":
        return f"{name}: {run['status']}. {run.get('message') or ''}\nSee: ogdc-runner logs {name}"
    if run["output_type"] == "temporary":
        return f"{name}: Succeeded. Fetch the result with: ogdc-runner get-output {name}"
    return f"{name}: Succeeded. Published as {run['recipe_id']}/ on the workflow volume."


def _changed(run: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print_json(run)
    else:
        typer.echo(f"{run['name']}: {run['status']}")


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    return (run["name"], run["status"], run["submitted_at"][:19].replace("T", " "), run["submitted_by"])


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
