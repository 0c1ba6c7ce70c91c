"""The command `publish`, which publishes a run's result at DataONE."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ogdc_cli.amounts import counted, size_in_words
from ogdc_cli.commands.common import JsonOption
from ogdc_cli.commands.run_argument import RunArgument, chosen
from ogdc_cli.terminal import one_line, print_json, say

if TYPE_CHECKING:
    from ogdc_cli.api import ApiClient
    from ogdc_cli.publication.publishing import Wanted
    from ogdc_shared.publication.package import Package
    from ogdc_shared.publication.sending import Sent


class Repository(StrEnum):
    """Where results are published to."""

    DATAONE = "dataone"


def publish(
    name: RunArgument,
    *,
    to: Annotated[Repository, typer.Option(help="Where to.")],
    node: Annotated[str | None, typer.Option(metavar="URL", help="The member node to publish to.")] = None,
    dry_run: Annotated[
        Path | None,
        typer.Option(
            metavar="DIRECTORY",
            file_okay=False,
            help="Write and validate the package in this directory; send nothing.",
        ),
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="DIRECTORY",
            file_okay=False,
            help="Directory of the package, created unless it exists. Default: ./ogdc-packages/RUN.",
        ),
    ] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(
            metavar="META.YML",
            exists=True,
            dir_okay=False,
            help="Read `metadata` and `output.license` from this file instead of the recipe.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Publish a new version of an earlier package.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Number of concurrent uploads.")] = 4,
    as_json: JsonOption = False,
) -> None:
    """Publish the result of a successful run as a DataONE package with metadata and provenance.

    The recipe's meta.yml describes it (`metadata`, `output.license`). The same run always makes the same
    package with the same identifiers, so the command can be repeated, and continues after an interruption.
    """
    if (node is None) == (dry_run is None):
        raise typer.BadParameter(
            "give --node URL to publish it, or --dry-run DIRECTORY to look at it before."
        )
    client, name = chosen(name)
    if dry_run is not None:
        _look(client, name, dry_run, metadata, as_json=as_json)
        return
    from ogdc_cli.publication.publishing import PACKAGES, Wanted

    where = directory or PACKAGES / name
    _send(client, Wanted(name, node or "", where, metadata, overwrite, parallel, yes), as_json=as_json)


def _look(client: ApiClient, name: str, directory: Path, metadata: Path | None, *, as_json: bool) -> None:
    from ogdc_cli.publication.run_result import RunResult
    from ogdc_shared.publication.checking import validated
    from ogdc_shared.publication.making import make_package

    package = make_package(RunResult(client, name, metadata), directory)
    is_valid = _is_valid(package, directory)
    if as_json:
        print_json(package._asdict() | {"members": [each._asdict() for each in package.members]})
    else:
        for line in (
            f"Wrote the package of run {name} to {directory}. Nothing was sent.",
            *_summary(package),
        ):
            say(one_line(line))
        if is_valid:
            for line in validated():
                say(line)
            options = f"--directory {shlex.quote(str(directory))} --node URL"
            say(one_line(f"To publish it: ogdc-runner publish {name} --to dataone {options}"))
    if not is_valid:
        raise typer.Exit(1)


def _send(client: ApiClient, wanted: Wanted, *, as_json: bool) -> None:
    from ogdc_cli.publication.publishing import publish
    from ogdc_shared.dataone.node_address import checked_url, is_production, landing_page

    url, done = checked_url(wanted.node), {True: 0, False: 0}

    def agree(package: Package) -> bool:
        if not _is_valid(package, wanted.directory):
            return False
        if wanted.is_agreed or not is_production(url):
            return True
        for line in _summary(package):
            say(one_line(line), err=True)
        return typer.confirm(f"Publish it at {url}? A published data set cannot be deleted.", err=True)

    def count(sent: Sent) -> None:
        done[sent.is_new] += 1
        say(one_line(f"{'Sent' if sent.is_new else 'There already:'} {sent.member.path}"), err=True)

    package = publish(client, wanted, agree=agree, on_sent=count)
    if package is None:
        say("Nothing was sent.", err=True)
        raise typer.Exit(1)
    if package.exposure:
        say(one_line(package.exposure), err=True)
    page = landing_page(url, package.metadata_id)
    if as_json:
        identifiers = {"identifier": package.metadata_id, "series": package.series, "url": page}
        counts = {"unchanged": package.is_old, "sent": done[True], "found": done[False]}
        print_json({"run": package.run, **identifiers, **counts})
    elif package.is_old:
        say(one_line(f"Nothing has changed since {package.metadata_id} was published, which stays; {page}"))
    else:
        say(one_line(f"Published run {package.run} as {package.metadata_id}; {page}"))
        say(f"{done[True]} objects sent, {done[False]} were there already. Series {package.series}")


def _is_valid(package: Package, directory: Path) -> bool:
    """Print the problems of a package and what was not checked; returns whether there are no problems."""
    from ogdc_shared.publication.checking import advice, problems, unchecked

    found = list(problems(package, directory))
    for line in (*found, *advice(package), *unchecked()):
        say(one_line(line), err=True)
    return not found


def _summary(package: Package) -> list[str]:
    *data, metadata, resource_map = package.members
    total = sum(member.size for member in data)
    facts = [
        ("title", package.title),
        ("files", f"{counted(len(data), 'file')}, {size_in_words(total)}"),
        ("metadata", metadata.pid),
        ("map", resource_map.pid),
        ("replaces", package.obsoletes or ""),
        ("owner", f"https://orcid.org/{package.owner}"),
        ("access", "public" if package.is_public else "private"),
    ]
    return [f"  {name:<10}{value}" for name, value in facts if value]
