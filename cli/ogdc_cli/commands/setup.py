"""Commands to get started: init, doctor, version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ogdc_cli.commands.common import JsonOption
from ogdc_cli.terminal import one_line, print_json, say


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("init", short_help="Write a small recipe to start with.")(init)
    app.command("doctor", short_help="Check that this machine can run recipes.")(doctor)
    app.command("version")(version)


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, help="The directory to create.")
    ],
    name: Annotated[
        str | None, typer.Option(help="The recipe's name.", show_default="My first recipe")
    ] = None,
) -> None:
    """Write a small working recipe."""
    from ogdc_cli.starter import DEFAULT_NAME, write_recipe

    files = write_recipe(directory, name=name or DEFAULT_NAME)
    for file in files:
        say(one_line(f"  {file}"))
    say(f"Run it: ogdc-runner run {directory}")


def doctor(as_json: JsonOption = False) -> None:
    """Check that this machine can run and submit recipes, and print how to install what is missing.

    The exit code is 1 if something is missing.
    """
    import os

    from ogdc_cli.doctor import examine

    findings = []
    for finding in examine(os.environ):
        findings.append(finding)
        if not as_json:
            say(f"{'ok     ' if finding.ok else 'missing'}  {finding.part}: {finding.text}")
            if finding.advice:
                say(f"         → {finding.advice}")
    if as_json:
        print_json([finding._asdict() for finding in findings])
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def version(
    api: Annotated[bool, typer.Option("--api", help="Also print the version of the service.")] = False,
) -> None:
    """Print the version of this program."""
    from importlib.metadata import version as installed

    say(f"ogdc-runner {installed('ogdc-runner')}")
    if api:
        from ogdc_cli.api import ApiClient
        from ogdc_cli.settings import ClientSettings

        client = ApiClient(ClientSettings.from_env())
        say(one_line(f"{client.url} {client.version()}"))
