"""Measure, print a table, and write the same as JSON into bench-results/."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    cold_start,
    command_line,
    days,
    events,
    growth,
    local_stack,
    logins,
    many_inputs,
    maps,
    pages,
    parallel,
    partitions,
    result_pages,
    warm,
    year,
)
from benchmarks.bench import Bench, Effort
from benchmarks.figures import Figure
from benchmarks.load import load_generator
from benchmarks.report import is_busy, machine, table, write_json
from benchmarks.service import ROOT


def _measure_provenance(bench: Bench) -> list[Figure]:
    from benchmarks.provenance import measure_provenance  # with the tests, which `make bench` has on its path

    return measure_provenance(bench)


def _measure_reuse(bench: Bench) -> list[Figure]:
    from benchmarks.reuse import measure_reuse  # likewise

    return measure_reuse(bench)


def _measure_publication(bench: Bench) -> list[Figure]:
    from benchmarks.publication import measure_publication  # likewise

    return measure_publication(bench)


_MEASURES: Mapping[str, Callable[[Bench], list[Figure]]] = {
    "cold-start": cold_start.measure_cold_starts,
    "status": warm.measure_status,
    "submit": warm.measure_submit,
    "logins": logins.measure_logins,
    "tasks": warm.measure_many_tasks,
    "memory": warm.measure_memory,
    "events": events.measure_events,
    "large-events": events.measure_large_events,
    "event-to-status": events.measure_delay,
    "cli": command_line.measure_start,
    "compile": many_inputs.measure_compile,
    "partitions": partitions.measure_partitions,
    "get-output": local_stack.measure_get_output,
    "provenance": _measure_provenance,
    "publish": _measure_publication,
    "run": local_stack.measure_run,
    "fan-out": parallel.measure_tasks,
    "speed-up": parallel.measure_speed_up,
    "reuse": _measure_reuse,
    "maps": maps.measure_maps,
    "large-maps": maps.measure_large_maps,
    "list-page": pages.measure_list,
    "run-page": pages.measure_run,
    "change-page": pages.measure_change,
    "log-page": result_pages.measure_log,
    "map-page": result_pages.measure_map,
    "growth": growth.measure_growth,
    "days": days.measure_days,
    "year": year.measure_year,
}
_LONG = frozenset(
    {
        "large-maps",
        "list-page",
        "run-page",
        "change-page",
        "log-page",
        "map-page",
        "growth",
        "days",
        "publish",
        "year",
    }
)
"""Measures that have to be named, since they take long, or a browser."""
_THOROUGH = Effort(repetitions=5, seconds=2)
_QUICK = Effort(repetitions=3, seconds=1)


def main() -> None:
    """Measure what the command line asks for; the exit code tells only whether that could be measured."""
    options = _options(sys.argv[1:])
    effort = _QUICK if options.quick else _THOROUGH
    effort = effort._replace(repetitions=options.repetitions or effort.repetitions)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begun, about = datetime.now(UTC), {"machine": machine(), "effort": effort._asdict()}
    print(f"{effort.repetitions} repetitions; load by {load_generator()}", file=sys.stderr)
    if is_busy():
        print(
            "This machine is busy with other things: trust the ratios more than the times.", file=sys.stderr
        )
    names = options.measures or [name for name in _MEASURES if name not in _LONG]
    figures, failed = _measure(names, effort, place=options.directory)
    if figures:
        print(table(figures))
        path = write_json(options.into, figures, begun=begun, about=about)
        print(f"\n{path}", file=sys.stderr)
    if failed:
        sys.exit(f"Could not be measured: {', '.join(failed)}")


def _measure(names: Sequence[str], effort: Effort, *, place: Path) -> tuple[list[Figure], list[str]]:
    """Return what was measured, with all state below `place`, and the names of the measures that failed."""
    figures: list[Figure] = []
    failed = []
    with tempfile.TemporaryDirectory(prefix="ogdc-bench-", dir=place) as directory, ExitStack() as parts:
        bench = Bench(effort, directory=Path(directory), parts=parts)
        for name in names:
            print(f"measuring {name} …", file=sys.stderr)
            try:
                figures += _MEASURES[name](bench)
            except Exception as exc:
                print(f"{name}: {type(exc).__name__}: {exc}", file=sys.stderr)
                failed.append(name)
    return figures, failed


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=f"any of: {', '.join(_MEASURES)}")
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter repetitions: for a first look"
    )
    # Not TMPDIR, whose path may be long.
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("/tmp"),
        metavar="DIR",
        help="for the state of all that is measured; a short path, since PostgreSQL's socket is there "
        "(default: %(default)s)",
    )
    parser.add_argument("--repetitions", type=_positive, metavar="N", help="how often each is measured")
    parser.add_argument(
        "--into", type=Path, default=ROOT / "bench-results", metavar="DIR", help="for the JSON"
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.measures if name not in _MEASURES]:
        parser.error(f"{', '.join(unknown)}: choose from {', '.join(_MEASURES)}")
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


if __name__ == "__main__":
    main()
