"""The command line of tasks with options. `process` and `list` have none and do not import argparse."""

from __future__ import annotations

import argparse
import re
from functools import partial
from typing import TYPE_CHECKING

from ogdc_shared.layout import PROCESS, WORKFLOW_MOUNT
from ogdc_shared.outputs.output_type import OutputType
from ogdc_worker.publish.publication import Publication
from ogdc_worker.publish.result import publish
from ogdc_worker.publish.rights import PATTERN, PUBLISHED
from ogdc_worker.publish.tidy import Leftovers, tidy

if TYPE_CHECKING:
    from collections.abc import Callable

    from ogdc_worker.report import Reporter


def parse_arguments(arguments: list[str]) -> Callable[[Reporter], None]:
    """Return the task as a callable; exits with code 2 on wrong arguments, and with 0 after `--help`."""
    parser = argparse.ArgumentParser(
        prog="ogdc-worker", description="Runs one task of a run inside its container."
    )
    tasks = parser.add_subparsers(title="tasks", required=True, dest="task")
    tasks.add_parser("list", help="find the files on volumes and divide them into partitions")
    tasks.add_parser("process", help="fetch a partition's inputs and run the recipe's commands")
    _add_publish(tasks.add_parser("publish", help="make the result visible"))
    _add_reuse(tasks.add_parser("reuse", help="reuse earlier results for a run's partitions"))
    _add_tidy(tasks.add_parser("tidy", help="remove files of ended runs from the workflow volume"))
    options = vars(parser.parse_args(arguments))
    task = options.pop("task")
    if task == "tidy":
        return partial(tidy, Leftovers(**options))
    if task == "reuse":
        return partial(_reuse, **options)
    several = {key: tuple(options[key]) for key in ("before", "results")}
    return partial(publish, Publication(**options | several))


def _add_publish(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", required=True, type=_name, help="the run's name")
    parser.add_argument(
        "--recipe-id", required=True, type=_name, help="directory of the result on the volume"
    )
    parser.add_argument("--partitions", required=True, type=int, help="number of partitions")
    parser.add_argument("--stage", type=_name, default=PROCESS, help="the last stage (default: %(default)s)")
    parser.add_argument(
        "--before",
        type=_stage,
        nargs="*",
        default=(),
        help="earlier stages with their numbers of partitions: STAGE=COUNT",
    )
    parser.add_argument(
        "--results",
        type=_name,
        nargs="*",
        default=(),
        help="earlier stages whose outputs are part of the result",
    )
    parser.add_argument("--output", required=True, choices=[*map(str, OutputType)], help="the result's type")
    parser.add_argument(
        "--rights",
        type=_rights,
        default=PUBLISHED,
        help="permissions of the published files, as for chmod (default: %(default)s)",
    )
    parser.add_argument(
        "--allowed-failures", type=_failures, help="number or percentage of items that may be missing"
    )
    parser.add_argument("--reuse", type=_name, help="keep the results for later runs in this scope")
    _add_reuse_bytes(parser)
    parser.add_argument("--node", help="URL of the member node to publish a package of the result to")
    parser.add_argument("--data-set", type=_digest, help="SHA-256 of the recipe's description of its result")
    parser.add_argument("--overwrite", action="store_true", help="replace data published by another run")


def _add_reuse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", required=True, type=_name, help="the run's name")
    parser.add_argument(
        "--scope", required=True, type=_name, help="the scope of results that the run may reuse"
    )
    parser.add_argument(
        "--unended",
        type=_name,
        nargs="*",
        default=(),
        help="failed or stopped runs whose results are not in the store yet",
    )
    parser.add_argument(
        "--expect", nargs="*", default=[], help="expected digests of the task's inputs, as for process"
    )


def _reuse(reporter: Reporter, *, run: str, scope: str, unended: list[str], expect: list[str]) -> None:
    from ogdc_worker.expected import Expected
    from ogdc_worker.reuse.taking import ReusePaths, reuse

    expected = Expected.from_words(expect)
    reuse(ReusePaths(), reporter, run=run, scope=scope, earlier=tuple(unended), expected=expected)


def _add_tidy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--retry-days",
        required=True,
        type=_days,
        help="days in which failed runs can be retried; files are kept one day longer",
    )
    parser.add_argument(
        "--reuse-days",
        type=_days,
        default=30,
        help="days to keep a result that no run reuses (default: %(default)s)",
    )
    _add_reuse_bytes(parser)
    parser.add_argument(
        "--volume", default=WORKFLOW_MOUNT, help="directory of the workflow volume (default: %(default)s)"
    )


def _add_reuse_bytes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reuse-bytes",
        type=_amount,
        default=20 << 30,
        help="maximum size of results kept for later runs, such as 50Gi",
    )


def _amount(value: str) -> int:
    from ogdc_shared.recipe.quantities import amount

    try:
        return 0 if value == "0" else amount(value)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{value!r} {exc}") from exc


def _name(value: str) -> str:
    """Accept only names that are safe as the name of a directory."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", value):
        raise argparse.ArgumentTypeError(
            f"{value!r} is not a name of a run or recipe; give lowercase letters, digits, '.' and '-'"
        )
    return value


def _stage(value: str) -> tuple[str, int]:
    name, _, partitions = value.partition("=")
    if not re.fullmatch("[0-9]{1,9}", partitions):
        raise argparse.ArgumentTypeError(f"{value!r} is not of the form STAGE=COUNT, such as process=10")
    return _name(name), int(partitions)


def _digest(value: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", value):
        raise argparse.ArgumentTypeError(f"{value!r} is not a SHA-256 digest; give 64 hexadecimal digits")
    return value


def _failures(value: str) -> str:
    if not re.fullmatch(r"[0-9]{1,9}|[0-9]{1,3}(\.[0-9]{1,6})?%", value):
        raise argparse.ArgumentTypeError(
            f"{value!r} is neither a number nor a percentage; give one such as 10 or 1%"
        )
    return value


def _rights(value: str) -> str:
    if not re.fullmatch(PATTERN, value):
        raise argparse.ArgumentTypeError(
            f"{value!r} is not a change of permissions; give one such as {PUBLISHED}"
        )
    return value


def _days(value: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,4}", value):
        raise argparse.ArgumentTypeError(f"{value!r} is not a number of days; give one such as 14")
    return int(value)
