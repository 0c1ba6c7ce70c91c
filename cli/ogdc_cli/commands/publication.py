"""The command that makes a run's result a data set of DataONE."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ogdc_cli.commands.common import JsonOption
from ogdc_cli.commands.run_argument import RunArgument, chosen
from ogdc_cli.terminal import one_line, print_json, say

if TYPE_CHECKING:
    from ogdc_cli.publication.package import Package


class Repository(StrEnum):
    """Where results are published to."""

    DATAONE = "dataone"


def publish(
    name: RunArgument,
    to: Annotated[Repository, typer.Option(help="Where to.")],
    dry_run: Annotated[
        Path,
        typer.Option(
            metavar="DIRECTORY",
            file_okay=False,
            help="Write the package into this directory, and validate it; nothing is sent.",
        ),
    ],
    metadata: Annotated[
        Path | None,
        typer.Option(
            metavar="META.YML",
            exists=True,
            dir_okay=False,
            help="Take `metadata` and `output.license` from this file, not from the recipe that ran.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make the result of a run that succeeded a DataONE package, with metadata and provenance.

    The recipe's meta.yml describes it (`metadata`, `output.license`). The same run becomes the
    same package, with the same identifiers, however often this is called.
    """
    from ogdc_cli.publication.making import make_package

    client, name = chosen(name)
    package = make_package(client, name, dry_run, metadata=metadata)
    found = _check(package, dry_run)
    if as_json:
        print_json(package._asdict() | {"members": [each._asdict() for each in package.members]})
    else:
        for line in _summary(package, dry_run):
            say(one_line(line))
    if found:
        raise typer.Exit(1)


def _check(package: Package, directory: Path) -> bool:
    """Say what is wrong with a package, and what was not looked at; returns whether something is wrong."""
    from ogdc_cli.publication.checking import advice, problems, unchecked

    found = list(problems(package, directory))
    for line in (*found, *advice(package), *unchecked()):
        say(one_line(line), err=True)
    return bool(found)


def _summary(package: Package, directory: Path) -> list[str]:
    *data, metadata, resource_map = package.members
    total = sum(member.size for member in data)
    return [
        f"Wrote the package of run {package.run} to {directory}",
        f"{len(data)} objects of {total:,} bytes, metadata {metadata.pid}, map {resource_map.pid}.",
        f"Rights holder https://orcid.org/{package.owner}; {'public' if package.is_public else 'private'}.",
    ]
