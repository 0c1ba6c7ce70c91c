"""Following a run to its end: a live line on a terminal, plain lines anywhere else."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from ogdc_cli.api import ApiClient

TERMINAL = frozenset({"Succeeded", "Failed", "Error"})
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.05, 2.0, 1.1

Report = Callable[[dict[str, Any], str], None]


def follow(client: ApiClient, name: str, *, quiet: bool = False) -> dict[str, Any]:
    """Watch a run until it ends and return it as `GET /runs/{name}` gives it.

    The pause between two looks grows from 0.05 s to 2 s, so that short runs are seen to end at once.
    """
    pause = _FIRST_PAUSE
    with _reporter(quiet=quiet) as report:
        while (run := client.run(name))["status"] not in TERMINAL:
            report(run, "" if quiet else last_line(client.logs(name, tail=1)))
            time.sleep(pause)
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)
    return run


def last_line(log: str) -> str:
    """The last line of a log for people: the worker's own JSON lines become the step they tell of."""
    lines = log.strip().splitlines()
    if not lines:
        return ""
    try:
        entry = json.loads(lines[-1])
    except ValueError:
        return lines[-1]
    return _step(entry) if isinstance(entry, dict) else lines[-1]


def _step(entry: dict[str, Any]) -> str:
    what = entry.get("line") or entry.get("source") or entry.get("file") or ""
    number = f" {entry['command']} of {entry['of']}" if "command" in entry and "of" in entry else ""
    return f"{entry.get('event', '')}{number}: {what}".strip(": ")


def _reporter(*, quiet: bool) -> AbstractContextManager[Report]:
    if quiet:
        return nullcontext(lambda run, line: None)
    return _live() if sys.stderr.isatty() else nullcontext(_plain())


def _plain() -> Report:
    """Print a line whenever what is to be said has changed."""
    started, said = time.monotonic(), ""

    def report(run: dict[str, Any], line: str) -> None:
        nonlocal said
        now = " ".join(filter(None, (run["status"], run.get("progress"), line)))
        if now != said:
            print(f"[{time.monotonic() - started:6.1f}s] {now}", file=sys.stderr, flush=True)
            said = now

    return report


@contextmanager
def _live() -> Iterator[Report]:
    """One line that renews itself: spinner, status, progress bar, elapsed time, last log line."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[progress]}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[line]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Pending", total=None, progress="", line="")

        def report(run: dict[str, Any], line: str) -> None:
            done, total = parse_progress(run.get("progress"))
            bar.update(
                task,
                description=run["status"],
                completed=done,
                total=total,
                progress=run.get("progress") or "",
                line=escape(line[:100]),
            )

        yield report


def parse_progress(progress: str | None) -> tuple[int, int | None]:
    """`"2/4"` as (2, 4); (0, None) where there is none yet."""
    done, slash, total = (progress or "").partition("/")
    return (int(done), int(total) or None) if slash and done.isdecimal() and total.isdecimal() else (0, None)
