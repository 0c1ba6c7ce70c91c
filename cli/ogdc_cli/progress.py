"""Following a run to its end: an updating display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from ogdc_cli.amounts import counted
from ogdc_cli.api import ApiClient, ApiError
from ogdc_cli.tasklog import LogSummary, Step
from ogdc_cli.terminal import one_line, say
from ogdc_shared.phases import TERMINAL_PHASES, Phase
from ogdc_shared.shortening import shortened

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ogdc_shared.api.answers import RunDetail

_FIRST_PAUSE, _MAX_PAUSE, _GROWTH = 0.02, 2.0, 1.02
_PATIENCE_SECONDS = 15.0
_LOG_SECONDS = 0.2
"""Between two looks at the log, which cost more than those at the run."""
_QUIET_SECONDS = 1.0
"""How long the stack may wait for something new where no log is shown."""
_FIRST_LOOK, _LOOK = 1000, 100
"""Log lines to read, first and later. Earlier steps are not shown."""
_FEW_PARTITIONS = 8
_CHATTER_SECONDS = 10.0
_WIDTH = 200

Report = Callable[["RunDetail", str], None]
"""Takes a run and the end of its log."""


def follow(
    client: ApiClient,
    name: str,
    *,
    quiet: bool = False,
    tasks: bool = True,
    patience: float | None = None,
    shown: str = "",
) -> RunDetail:
    """Follow a run until it ends, and return it.

    The local stack responds when something has changed. Others respond immediately, so the pause between
    requests grows with the elapsed time, from 0.02 s by 2 % of it to 2 s. So the delay at the end is hardly
    noticeable.

    Args:
        client: The deployment.
        name: Name of the run.
        quiet: Whether to show no progress.
        tasks: Whether to return the run with its tasks.
        patience: How many seconds to wait for a service that does not respond; None means a moment.
        shown: A part of the log that is not news (see `log_so_far`).

    Raises:
        ApiError: there is no such run, or the service does not respond.
    """
    look = client.poll(name, wait=_QUIET_SECONDS if quiet else _LOG_SECONDS)
    pause, lines, next_log = _FIRST_PAUSE, _FIRST_LOOK, 0.0
    with _reporter(LogSummary(shown), quiet=quiet) as report:
        while True:
            asked = time.monotonic()
            run = _patiently(look, patience)
            answered = time.monotonic()
            ended = run.status in TERMINAL_PHASES
            if not quiet and (ended or time.monotonic() >= next_log):
                report(run, _log(client, run, lines=lines))
                lines, next_log = _LOOK, time.monotonic() + _LOG_SECONDS
            if ended:
                return _patiently(lambda: client.run(name), patience) if tasks else run
            time.sleep(max(0.0, pause - (answered - asked)))
            pause = min(pause * _GROWTH, _MAX_PAUSE)


def log_so_far(client: ApiClient, name: str) -> str:
    """Return the end of a run's log, so that `follow` does not show it again after a retry."""
    return _log(client, client.run(name, tasks=0), lines=_FIRST_LOOK)


def _patiently(ask: Callable[[], RunDetail], patience: float | None) -> RunDetail:
    deadline = time.monotonic() + (_PATIENCE_SECONDS if patience is None else patience)
    while True:
        try:
            return ask()
        except ApiError as exc:
            if not exc.passing or time.monotonic() > deadline:
                raise
        time.sleep(_MAX_PAUSE / 4)


def _log(client: ApiClient, run: RunDetail, *, lines: int) -> str:
    """Return the end of a run's log; empty if it cannot be read, so that watching continues.

    Each task has its own log, so a run with many partitions is not read. A pending run has no log yet.
    """
    if run.status == Phase.PENDING or (run.partitions or 1) > _FEW_PARTITIONS:
        return ""
    try:
        return b"".join(client.logs(run.name, tail=lines)).decode(errors="replace")
    except ApiError:
        return ""


def _reporter(summary: LogSummary, *, quiet: bool) -> AbstractContextManager[Report]:
    if quiet:
        return nullcontext(lambda run, log: None)
    if _can_renew_lines():
        return _live(summary)
    return nullcontext(_plain(summary))


def _can_renew_lines() -> bool:
    """Whether stderr is a terminal that obeys, and shows the signs of the display."""
    is_utf8 = sys.stderr.encoding.lower().replace("-", "") == "utf8"
    return sys.stderr.isatty() and is_utf8 and os.environ.get("TERM", "dumb") != "dumb"


def _plain(summary: LogSummary) -> Report:
    """Print each step once, and now and then what the command at work has printed last."""
    shown, shown_at = "", 0.0

    def print_once(text: str, seconds: float) -> None:
        nonlocal shown, shown_at
        if text != shown:
            seconds = max(seconds, shown_at)
            say(one_line(f"[{seconds:6.1f}s] {shortened(text, _WIDTH)}"), err=True)
            shown, shown_at = text, seconds

    def report(run: RunDetail, log: str) -> None:
        seconds = _elapsed(run)
        for step in _shortened(summary.update(log)):
            print_once(step.text, _age(run, step, now=seconds))
        if held := _held_up(run):
            print_once(held, seconds)
        elif run.status in TERMINAL_PHASES:
            print_once(_overview(run) or shown, seconds)
        elif not shown:
            print_once(_overview(run) or _waiting(run), seconds)
        elif seconds - shown_at >= _CHATTER_SECONDS:
            print_once(_overview(run) or summary.last or shown, seconds)

    return report


def _shortened(steps: list[Step]) -> Iterator[Step]:
    """Of files fetched one after the other, the last; there may be thousands."""
    for fetching, group in groupby(steps, lambda step: step.text.startswith("fetched ")):
        found = list(group)
        if fetching and len(found) > 1:
            others = counted(len(found) - 1, "other file")
            yield Step(f"{found[-1].text} and {others}", found[-1].time)
        else:
            yield from found


def _overview(run: RunDetail) -> str:
    """Return the progress of a run in several partitions or stages; empty for one, as its steps say more."""
    from ogdc_cli.facts import stages
    from ogdc_cli.partitions import summary

    if begun := stages(run):
        return "; ".join(begun)
    return "" if run.partitions == 1 else summary(run)


def _held_up(run: RunDetail) -> str:
    """Return what an unfinished run waits for; empty if nothing."""
    return "" if run.status in TERMINAL_PHASES else run.message or ""


def _waiting(run: RunDetail) -> str:
    return "waiting to start" if run.status == Phase.PENDING else str(run.status).lower()


@contextmanager
def _live(summary: LogSummary) -> Iterator[Report]:
    """Show two lines that are updated in place: elapsed time and step, and the last line of output."""
    from rich.console import Console
    from rich.live import Live

    picture = _Picture(summary)
    console = Console(
        file=sys.__stderr__
    )  # past the guard of `terminal`: what the picture shows is printable
    with Live(console=console, get_renderable=picture.draw, transient=True, refresh_per_second=10):
        yield picture.update
    if picture.outcome:
        say(picture.outcome, err=True)


class _Picture:
    """What a terminal shows of a run."""

    def __init__(self, summary: LogSummary) -> None:
        from rich.spinner import Spinner

        self._spinner = Spinner("dots")
        self._story = summary
        self._step = "waiting to start"
        self._ahead = -time.monotonic()
        """What to add to the monotonic clock to have the run's age, in seconds."""
        self.outcome = ""
        """The final state of a run in several partitions, which stays on the terminal."""

    def update(self, run: RunDetail, log: str) -> None:
        """See `Report`."""
        self._story.update(log)
        self._step = _held_up(run) or _overview(run) or self._story.step or _waiting(run)
        self._ahead = _elapsed(run) - time.monotonic()
        self.outcome = _overview(run) if run.status in TERMINAL_PHASES else ""

    def draw(self) -> RenderableType:
        """Return what to draw now; called from another thread."""
        from rich.table import Table
        from rich.text import Text

        step = Text(one_line(self._step), no_wrap=True, overflow="ellipsis")
        last = Text(one_line(self._story.last), style="dim", no_wrap=True, overflow="ellipsis")
        table = Table.grid(padding=(0, 1))
        table.add_row(self._spinner, Text(_clock(time.monotonic() + self._ahead), style="cyan"), step)
        table.add_row("", "", last)
        return table


def _elapsed(run: RunDetail) -> float:
    """Return the seconds from a run's submission to its end, or to now."""
    until = run.finished_at or datetime.now(UTC)
    return max(0.0, (until - run.submitted_at).total_seconds())


def _age(run: RunDetail, step: Step, *, now: float) -> float:
    """Return the seconds from a run's submission to a step, or `now` if the clocks disagree."""
    try:
        seconds = (datetime.fromisoformat(step.time) - run.submitted_at).total_seconds()
    except (TypeError, ValueError):  # a command may have printed the line
        return now
    return seconds if 0 <= seconds <= now else now


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
