"""`ogdc-worker`: what a task's container runs.

Exit codes: 0 done; 1 failed, and would fail again; 2 called wrongly; 75 (EX_TEMPFAIL) something was away or
full, and trying again goes on from there; 128 + number when a signal ended it.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.errors import OgdcError, WarningsError
from ogdc_shared.layout import GATE, LOG_PATH
from ogdc_worker import log
from ogdc_worker.report import LAST_WORDS_BYTES, Reporter, clip

if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

    from ogdc_worker.expected import Expected

FAILED = 1
TRY_AGAIN = 75


class _Stopped(SystemExit):
    """A signal asks the task to end."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(self.exit_code)


def main() -> NoReturn:
    """Run the task that the command line names, and end the process.

    At once: the interpreter's tidying up takes longer than many a command, and would meddle with threads that
    are still fetching when another has failed.
    """
    if gate := os.environ.pop(GATE, None):
        from ogdc_worker.ahead import await_turn

        await_turn(int(gate))
    log.keep(LOG_PATH)
    try:
        code = run_task(sys.argv[1:])
    except _Stopped as stopped:
        code = stopped.exit_code
    sys.stderr.flush()
    os._exit(code)


def run_task(arguments: list[str]) -> int:
    """Run a task and return its exit code."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    reporter = Reporter(progress_file=os.environ.get("ARGO_PROGRESS_FILE"))
    try:
        _run(arguments, reporter)
    except _Stopped:
        at = f", at {reporter.doing}" if reporter.doing else "."
        message = f"The task was stopped from outside{at}"
        _end_with(reporter, "stopped", message)
        raise
    except Exception as exc:  # the run's message is made of whatever it is
        return _failed(exc, reporter)
    return 0


def _run(arguments: list[str], reporter: Reporter) -> None:
    if arguments[:1] == ["process"]:
        from ogdc_worker.process.partition import process
        from ogdc_worker.process.paths import ProcessPaths

        _prepare_for_commands()
        process(ProcessPaths(), reporter, _expected(arguments))
    elif arguments[:1] == ["list"]:
        from ogdc_worker.list_inputs import ListPaths, list_inputs

        list_inputs(ListPaths(), reporter, _expected(arguments))
    else:
        from ogdc_worker.arguments import parse_arguments

        parse_arguments(arguments)(reporter)


def _prepare_for_commands() -> None:
    """Leave others their due, and let no command trace this process, read what it knows or have it wait."""
    from ogdc_shared.layout import SHARED_MACHINE
    from ogdc_worker.process.prctl import SET_DUMPABLE, prctl

    if SHARED_MACHINE in os.environ:
        from ogdc_worker.process.priority import give_way

        give_way()
    prctl(SET_DUMPABLE, 0)  # from now on most of its files in /proc are root's


def _expected(arguments: list[str]) -> Expected:
    """Read what the task is to be handed; ends the process with 2 where that is nothing of the kind."""
    from ogdc_worker.expected import Expected

    try:
        return Expected.from_words(arguments[1:])
    except ValueError:
        from ogdc_worker.arguments import parse_arguments

        parse_arguments(arguments)
        raise


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave by an exception, which ends the running command on its way; a second signal changes nothing."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise _Stopped(number)


def _failed(exc: Exception, reporter: Reporter) -> int:
    from ogdc_worker.failures import explain, is_passing

    if not isinstance(exc, (OgdcError, OSError)):
        sys.excepthook(type(exc), exc, exc.__traceback__)
    message, before = explain(exc), clip(_before_that(exc, reporter), LAST_WORDS_BYTES // 2)
    _end_with(reporter, "failed", message, before)
    return TRY_AGAIN if is_passing(exc) else FAILED


def _end_with(reporter: Reporter, event: str, message: str, before: str = "") -> None:
    """Leave the reason first: the log may be what there is no room for, or nobody at the other end of."""
    reporter.last_words(clip(message, LAST_WORDS_BYTES - len(before.encode())) + before)
    with suppress(OSError):
        reporter.event(event, message=message)


def _before_that(exc: Exception, reporter: Reporter) -> str:
    """What the task has warned of: the failure may well come from it."""
    if isinstance(exc, WarningsError) or not reporter.warnings or not reporter.warnings.total:
        return ""
    from ogdc_shared.run_warnings import before_a_failure

    return before_a_failure(reporter.warnings)


if __name__ == "__main__":
    main()
