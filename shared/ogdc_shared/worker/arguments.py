"""The command line of `ogdc-worker`; only `publish` has options, so the others need not wait for argparse."""

from __future__ import annotations

import argparse
import re

from ogdc_shared.worker.publish import Publication


def parse_arguments(arguments: list[str]) -> Publication:
    """Read the options of `publish`; ends the process with 2 where they are wrong, with 0 after `--help`."""
    parser = argparse.ArgumentParser(
        prog="ogdc-worker", description="Runs one task of a run inside its container."
    )
    tasks = parser.add_subparsers(title="tasks", required=True)
    tasks.add_parser("list", help="find the files on volumes and divide them into partitions")
    tasks.add_parser("process", help="fetch a partition's inputs and run the recipe's commands")
    publish = tasks.add_parser("publish", help="make the result visible")
    publish.add_argument("--run", required=True, type=_name, help="the run's name")
    publish.add_argument("--recipe-id", required=True, type=_name, help="where on the volume the result goes")
    publish.add_argument("--partitions", required=True, type=int, help="how many partitions there are")
    publish.add_argument("--output", required=True, choices=("pvc", "temporary"), help="a directory or a zip")
    publish.add_argument("--overwrite", action="store_true", help="replace what another run has published")
    return Publication(**vars(parser.parse_args(arguments)))


def _name(value: str) -> str:
    """Take what can be nothing but the name of a directory."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", value):
        raise argparse.ArgumentTypeError(f"{value!r} is no name of a run or recipe")
    return value
