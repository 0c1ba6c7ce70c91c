"""One command line of a recipe, run as a process group of its own."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import time
from contextlib import suppress

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.layout import COMMAND_VARIABLE
from ogdc_shared.light import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

TAIL_BYTES = 4096
"""How much of the end of stderr is kept for the run's message."""
GRACE_SECONDS = 10.0
"""Between asking a command to end and ending it."""

_STDIN, _STDERR = 0, 2
_PIECE = 65536
_INTERNAL = ("ARGO_", "OGDC_")


class Outcome(NamedTuple):
    """How a command ended."""

    exit_code: int
    """As a shell reports it: 128 + the signal's number where a signal ended the command."""
    stderr: str
    """The end of what it wrote there."""
    timed_out: bool = False


def command_environment(environ: Mapping[str, str], **additions: str) -> dict[str, str]:
    """Build what a command sees: the container's environment without what is Argo's and ours."""
    inherited = {name: value for name, value in environ.items() if not name.startswith(_INTERNAL)}
    handed = {
        name.removeprefix(COMMAND_VARIABLE): value
        for name, value in environ.items()
        if name.startswith(COMMAND_VARIABLE)
    }
    return inherited | handed | additions


def run_command(text: str, *, environment: Mapping[str, str], timeout: float | None = None) -> Outcome:
    """Run `sh -c text` in the current directory and wait for its end.

    stdin is empty, stdout is this process's own, stderr is passed on and its end kept. When the command
    ends, is out of time, or an exception (a signal's, say) leaves this function, what it started in its
    group ends too.

    Args:
        text: The command line.
        environment: All of its environment.
        timeout: Seconds it may take; None: as long as it likes.

    Raises:
        InvalidRecipeError: the line is longer than the kernel takes.
    """
    stderr, its_stderr = os.pipe()
    try:
        pid = _spawn(text, environment, its_stderr)
    finally:
        os.close(its_stderr)
    child = _Child(pid, stderr)
    try:
        timed_out = not child.wait(timeout)
    finally:
        exit_code = child.end()
    return Outcome(exit_code=exit_code, stderr=child.tail, timed_out=timed_out)


def _spawn(text: str, environment: Mapping[str, str], stderr: int) -> int:
    """Start the command as the leader of a new session.

    posix_spawn, because importing subprocess takes longer than most of the rest of a small task.
    """
    try:
        return os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", text],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, _STDIN, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, stderr, _STDERR),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores them, and ignoring is inherited
        )
    except OSError as exc:
        if exc.errno == errno.E2BIG:
            raise InvalidRecipeError(
                f"A command line of {len(text)} characters is too long for the system; "
                "put it into a script beside recipe.sh and call that as $RECIPE_DIR/NAME, or split it."
            ) from exc
        raise


class _Child:
    """A running command and the pipe its stderr comes through."""

    def __init__(self, pid: int, stderr: int) -> None:
        self._pid = pid
        self._stderr = stderr
        self._ended = os.pidfd_open(pid)
        self._tail = bytearray()
        os.set_blocking(stderr, False)

    @property
    def tail(self) -> str:
        return self._tail.decode(errors="replace").strip()

    def wait(self, timeout: float | None) -> bool:
        """Pass stderr on until the command ends (True) or `timeout` seconds are over (False)."""
        deadline = None if timeout is None else time.monotonic() + timeout
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        poll.register(self._stderr, select.POLLIN)
        while True:
            ready = dict(
                poll.poll(None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000)
            )
            if self._ended in ready:
                return True
            if self._stderr in ready and not self._pass_on():
                poll.unregister(self._stderr)
            if deadline is not None and time.monotonic() >= deadline:
                return False

    def end(self) -> int:
        """End whatever of the group still runs, and return the command's exit code.

        The group's id stays taken until its leader is waited for, so the signals cannot hit anybody else.
        """
        if not self.wait(0):
            self._signal(signal.SIGTERM)
            self.wait(GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        self._drain()
        _, status = os.waitpid(self._pid, 0)
        os.close(self._ended)
        os.close(self._stderr)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._pid, number)

    def _drain(self) -> None:
        """Pass on what the pipe still holds, and no more: something outside the group may go on writing."""
        for _ in range(fcntl.fcntl(self._stderr, fcntl.F_GETPIPE_SZ) // _PIECE + 1):
            if not self._pass_on():
                break

    def _pass_on(self) -> bool:
        """Write a piece of stderr, if there is one now, to our own; False once no more can come."""
        try:
            piece = os.read(self._stderr, _PIECE)
        except BlockingIOError:
            return True
        self._tail += piece
        del self._tail[:-TAIL_BYTES]
        _write_all(_STDERR, piece)
        return bool(piece)


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
