"""`ogdc-worker`: the program that a task's container runs.

Exit codes: 0 success; 1 permanent failure, a retry would fail again; 2 wrong command line; 75 (EX_TEMPFAIL)
temporary failure, such as an unreachable server or a full disk, and a retry continues where this try stopped;
128 + N after signal N.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.errors import OgdcError, WarningsError
from ogdc_shared.layout import GATE, LOG_PATH
from ogdc_worker import log
from ogdc_worker.report import LAST_WORDS_BYTES, Reporter, clip
from ogdc_worker.stops import STOPS, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from ogdc_worker.expected import Expected

FAILED = 1
TRY_AGAIN = 75


def main(leave: Callable[[int], NoReturn] = os._exit) -> NoReturn:
    """Run the task given on the command line, then exit the process with `leave`.

    A normal interpreter shutdown takes longer than many commands do, and would interfere with threads that
    are still fetching when another one has failed.
    """
    if gate := os.environ.pop(GATE, None):
        from ogdc_worker.ahead import await_turn

        await_turn(int(gate))
    log.keep(LOG_PATH)
    try:
        code = run_task(sys.argv[1:])
    except Stopped as stopped:
        code = stopped.exit_code
    sys.stderr.flush()
    leave(code)


def run_task(arguments: list[str]) -> int:
    """Run a task and return its exit code."""
    STOPS.handle()
    reporter = Reporter(progress_file=os.environ.get("ARGO_PROGRESS_FILE"))
    try:
        _run(arguments, reporter)
    except Stopped:
        at = f", at {reporter.doing}" if reporter.doing else ""
        message = f"The task was stopped from outside{at}."
        _end_with(reporter, "stopped", message)
        raise
    except Exception as exc:  # any exception has to become the run's message
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
    """Lower the priority where configured, and keep commands from inspecting this process."""
    from ogdc_shared.layout import SHARED_MACHINE
    from ogdc_shared.prctl import SET_DUMPABLE, prctl

    if SHARED_MACHINE in os.environ:
        from ogdc_worker.process.priority import give_way

        give_way()
    prctl(SET_DUMPABLE, 0)  # most of its files in /proc now belong to root


def _expected(arguments: list[str]) -> Expected:
    """Parse the expected digests; exits with code 2 if the arguments are not valid."""
    from ogdc_worker.expected import Expected

    try:
        return Expected.from_words(arguments[1:])
    except ValueError:
        from ogdc_worker.arguments import parse_arguments

        parse_arguments(arguments)
        raise


def _failed(exc: Exception, reporter: Reporter) -> int:
    from ogdc_worker.failures import explain, is_passing

    if not isinstance(exc, (OgdcError, OSError)):
        sys.excepthook(type(exc), exc, exc.__traceback__)
    message, before = explain(exc), clip(_before_that(exc, reporter), LAST_WORDS_BYTES // 2)
    _end_with(reporter, "failed", message, before)
    return TRY_AGAIN if is_passing(exc) else FAILED


def _end_with(reporter: Reporter, event: str, message: str, before: str = "") -> None:
    """Write the termination message first: writing to the log may fail on a full disk or a closed pipe."""
    reporter.last_words(clip(message, LAST_WORDS_BYTES - len(before.encode())) + before)
    with suppress(OSError):
        reporter.event(event, message=message)


def _before_that(exc: Exception, reporter: Reporter) -> str:
    """Return a summary of earlier warnings, which often explain the failure; empty if there are none."""
    if isinstance(exc, WarningsError) or not reporter.warnings or not reporter.warnings.total:
        return ""
    from ogdc_shared.run_warnings import before_a_failure

    return before_a_failure(reporter.warnings)


if __name__ == "__main__":
    main()
