"""Commands about how a result came to be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ogdc_cli.commands.common import JsonOption
from ogdc_cli.commands.run_argument import RunArgument, RunCommand, chosen
from ogdc_cli.terminal import one_line, print_json, say


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("provenance", cls=RunCommand, short_help="Write how a run's result came to be.")(provenance)


def provenance(
    name: RunArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A directory that is made; or a file, .zip or .json (the metadata alone). Not given: "
            "NAME.provenance.zip here.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write how a run's result came to be: a Workflow Run RO-Crate, which a stranger can check.

    It holds the recipe, and tells of each command, input and output what is known.
    """
    from ogdc_cli.crates import fetch_crate

    client, name = chosen(name)
    written = fetch_crate(client, name, output or Path(f"{name}.provenance.zip"))
    if as_json:
        print_json({"name": name, "path": str(written)})
    else:
        say(one_line(f"Wrote {written}"))
