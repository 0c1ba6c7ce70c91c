"""Running a command on a terminal, as a person would see it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

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
        os.chdir(cwd)
        os.execvpe(command[0], list(command), dict(environ))
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    seen = bytearray()
    try:
        while piece := os.read(screen, 65536):
            seen += piece
            on_output(seen.decode(errors="replace"))
    except OSError:  # how Linux says that nobody has the terminal open any more
        pass
    finally:
        os.close(screen)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), seen.decode(errors="replace")


def lines(screen: str) -> list[str]:
    """Return all lines that were on the screen at some time, without colours."""
    return [line.rstrip() for line in re.split(r"[\r\n]+", _CONTROL.sub("", screen)) if line.strip()]
