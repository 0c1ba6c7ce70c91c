"""Running a command on a terminal, as a person would see it."""

from __future__ import annotations

import os
import pty
import re
import select
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_MAX_SECONDS = 120.0
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    columns: int = 80,
    on_output: Callable[[str], None] = lambda _seen: None,
) -> tuple[int, str]:
    """Run a command, and return its exit code and all of its output.

    `on_output` is called with all output so far whenever there is more.
    """
    pid, screen = pty.fork()
    if pid == 0:
        termios.tcsetwinsize(0, (24, columns))  # before the command can ask for it
        os.chdir(cwd)
        os.execvpe(command[0], list(command), dict(environ))
    seen = bytearray()
    deadline = time.monotonic() + _MAX_SECONDS
    try:
        while piece := _read(screen, deadline):
            seen += piece
            on_output(seen.decode(errors="replace"))
    except OSError:  # how Linux says that nobody has the terminal open any more
        pass
    finally:
        os.close(screen)  # which ends the command, if it still runs, by SIGHUP
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), seen.decode(errors="replace")


def _read(screen: int, deadline: float) -> bytes:
    left = deadline - time.monotonic()
    if left <= 0 or not select.select([screen], [], [], left)[0]:
        raise AssertionError(f"the command on the terminal has not ended after {_MAX_SECONDS:g} s")
    return os.read(screen, 65536)


def lines(screen: str) -> list[str]:
    """Return all lines that were on the screen at some time, without colours."""
    return [line.rstrip() for line in re.split(r"[\r\n]+", _CONTROL.sub("", screen)) if line.strip()]
