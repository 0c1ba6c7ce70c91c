"""Provenance commands: provenance, reproduce, publish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ogdc_cli.commands.common import OUTPUTS, JsonOption
from ogdc_cli.commands.publication import publish
from ogdc_cli.commands.run_argument import RunArgument, RunCommand, chosen
from ogdc_cli.terminal import one_line, print_json, say


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("provenance", cls=RunCommand, short_help="Write the provenance of a run's result.")(
        provenance
    )
    app.command("reproduce", cls=RunCommand, short_help="Repeat the run of a provenance crate, and compare.")(
        reproduce
    )
    app.command("publish", cls=RunCommand, short_help="Publish a run's result as a data set.")(publish)


def provenance(
    name: RunArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A new directory, or a file: .zip, or .json for only the metadata. Default: "
            "NAME.provenance.zip here.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the provenance of a run's result as a Workflow Run RO-Crate.

    It contains the recipe, and describes each command, input and output.
    """
    from ogdc_cli.crates import fetch_crate

    client, name = chosen(name)
    written = fetch_crate(client, name, output or Path(f"{name}.provenance.zip"))
    if as_json:
        print_json({"name": name, "path": str(written)})
    else:
        say(one_line(f"Wrote {written}"))


def reproduce(
    target: Annotated[
        str,
        typer.Argument(
            metavar="CRATE|RUN",
            help="A crate (directory or zip), a result that contains one, or a run (name, or -1).",
        ),
    ],
    outputs: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="The directory with the original outputs, if elsewhere."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the recipe of a run again on this machine with the same inputs, and compare the outputs.

    No published data are replaced. If the bytes of an output differ and the original is available, contents
    are compared: the values of rasters and the features of vectors. Fails unless all outputs are the same.
    """
    from ogdc_cli.reproduce.original import of_run, opened
    from ogdc_cli.reproduce.report import lines
    from ogdc_cli.reproduce.report import reproduce as run_again

    if Path(target).exists():
        source = opened(Path(target), outputs=outputs)
    else:
        client, name = chosen(target)
        source = of_run(client, name, outputs=outputs, copies=OUTPUTS)
    with source as original:
        done = run_again(original, quiet=as_json)
    if as_json:
        files = {"inputs": done.inputs, "outputs": done.outputs}
        shown = {role: [each._asdict() for each in found] for role, found in files.items()}
        print_json({"reproduced": done.is_good} | done._asdict() | shown)
    else:
        for line in lines(done):
            say(one_line(line))
    if not done.is_good:
        raise typer.Exit(1)
