"""Runs one command line of a recipe as a session of its own, together with everything that it starts."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.layout import COMMAND_VARIABLE
from ogdc_worker import log
from ogdc_worker.process.orphans import Orphans
from ogdc_worker.process.usage import Usage, wait_for
from ogdc_worker.waiting import MAX_WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ogdc_worker.secrets import Mask

TAIL_BYTES = 65536
"""Number of trailing bytes of output that are kept, to choose the run's message from."""
GRACE_SECONDS = 10.0
"""Between SIGTERM and SIGKILL; also how long daemons may continue after everything else has ended."""

LOOK_SECONDS = 0.5
"""Interval at which background processes of a command are checked."""

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_PIECE = 65536
_INTERNAL = ("ARGO_", "OGDC_")
_STRICT = f"{os.path.dirname(os.path.abspath(__file__))}/strict.bash"
_SIGPIPE = 128 + signal.SIGPIPE
_FORGIVEN = frozenset({0, *(128 + n for n in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM))})
"""Exit codes of background processes that are not failures: success, or a signal the line itself sent."""


class CommandResult(NamedTuple):
    """How a command ended."""

    exit_code: int
    """As a shell reports it: 128 + N if signal N ended it."""
    output: str
    """The end of its stdout and stderr, in the order they were written."""
    timed_out: bool = False
    culprit: str = ""
    """The program of the line that failed, with the variables it uses; empty if unknown."""
    left: tuple[str, ...] = ()
    """Processes that were still running after the line had ended well, and were killed."""


def command_environment(environ: Mapping[str, str], **additions: str) -> dict[str, str]:
    """Return a command's environment: the container's without the variables of Argo and this project."""
    inherited = {name: value for name, value in environ.items() if not name.startswith(_INTERNAL)}
    handed = {
        name.removeprefix(COMMAND_VARIABLE): value
        for name, value in environ.items()
        if name.startswith(COMMAND_VARIABLE)
    }
    return inherited | handed | additions


def run_command(
    text: str,
    *,
    environment: Mapping[str, str],
    timeout: float | None = None,
    shell: tuple[str, ...] = ("sh", "-c"),
    notes: str | None = None,
    on_wait: Callable[[str], None] = lambda _names: None,
    on_output: Callable[[bytes], None] = lambda _piece: None,
    on_end: Callable[[Usage], None] = lambda _usage: None,
    mask: Mask | None = None,
) -> CommandResult:
    """Run `text` in a shell in the current directory; wait for it and all processes that it started.

    stdin is empty. stdout and stderr are forwarded to this process's stdout in order, and their end is kept.
    If the line fails, exceeds its time or an exception (such as a signal's) leaves this function, all its
    processes are ended. Daemons, which have left the line's session, are ended `GRACE_SECONDS` after
    everything else.

    Args:
        text: The command line.
        environment: Its complete environment.
        timeout: Seconds it may take, or None for no limit.
        shell: The program and arguments before the line.
        notes: Path of a file that does not exist yet, where bash writes which program failed; None if `shell`
            is not a strict bash.
        on_wait: Called with the names of processes that the line left running, if any.
        on_output: Called with each piece of output.
        on_end: Called with the resources used by the command and everything it started.
        mask: Masks secrets in the output, or None.

    Raises:
        InvalidRecipeError: the line is too long for the kernel, or the shell does not exist.
    """
    if notes is not None:
        environment = {**environment, "BASH_ENV": _STRICT, "OGDC_FAILURE": notes}
    output, its_output = os.pipe()
    orphans = Orphans()
    try:
        try:
            pid = _spawn(text, environment, shell, its_output)
        finally:
            os.close(its_output)
        child = _Child(pid, output, orphans, on_output, mask)
        try:
            return child.outcome(timeout, notes, on_wait, background="&" in text)
        finally:
            on_end(child.usage.plus(orphans.usage))
    except BaseException:
        orphans.kill()  # a signal may arrive after the command has started and before anything waits for it
        raise
    finally:
        orphans.close()
        os.close(output)


def _spawn(text: str, environment: Mapping[str, str], shell: tuple[str, ...], output: int) -> int:
    """Start the command as the leader of a new session.

    Uses posix_spawn, because importing subprocess takes longer than most of the rest of a small task.
    """
    try:
        return os.posix_spawnp(
            shell[0],
            [*shell, text],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, _STDIN, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, _STDOUT),
                (os.POSIX_SPAWN_DUP2, output, _STDERR),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores them, and children inherit that
        )
    except (FileNotFoundError, PermissionError) as exc:  # PermissionError also if a PATH entry is unreadable
        raise InvalidRecipeError(
            f"The shell of the recipe, {shell[0]}, does not exist or is not executable where tasks run. "
            "Install it there, or give another in the first line of the recipe, such as #!/bin/bash."
        ) from exc
    except OSError as exc:
        if exc.errno == errno.E2BIG:
            raise InvalidRecipeError(
                f"A command line of {len(text)} characters is too long for the system; "
                "put it into a script beside recipe.sh and call that as $RECIPE_DIR/NAME, or split it."
            ) from exc
        raise


class _Child:
    """A running command, the pipe with its output, and its background processes."""

    def __init__(
        self,
        pid: int,
        output: int,
        orphans: Orphans,
        on_output: Callable[[bytes], None],
        mask: Mask | None,
    ) -> None:
        self._pid = pid
        self._output = output
        self._orphans = orphans
        self._on_output = on_output
        self._mask = mask
        self._pidfd = os.pidfd_open(pid)
        self._tail = bytearray()
        self._is_open = True
        self.usage = Usage()
        """Resources used by the session leader and the children that it waited for; set when it has ended."""
        os.set_blocking(output, False)

    def outcome(
        self,
        timeout: float | None,
        notes: str | None,
        on_wait: Callable[[str], None],
        *,
        background: bool,
    ) -> CommandResult:
        """Wait until everything has ended; see `run_command`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        failure: tuple[str, int] | None = None
        left: tuple[str, ...] = ()
        try:
            in_time = self._wait_for_line(deadline, notes if background else None, on_wait)
            if in_time and self._peek() == 0:
                failure = self._await_orphans(deadline, on_wait)
                left = tuple(self._orphans.names())
        finally:
            code = self._end()
        culprit = ""
        if notes is not None:
            code, culprit = _judged(code, notes)
        if failure and not code:
            culprit, code = failure
        timed_out = deadline is not None and (not in_time or bool(left)) and time.monotonic() >= deadline
        return CommandResult(code, self._tail.decode(errors="replace").strip(), timed_out, culprit, left)

    def _wait_for_line(
        self, deadline: float | None, notes: str | None, on_wait: Callable[[str], None]
    ) -> bool:
        """Wait for the leader as `_wait` does, and report once which background processes it waits for."""
        while notes is not None:
            look_again = time.monotonic() + LOOK_SECONDS
            if deadline is not None and look_again >= deadline:
                break
            if self._wait([self._pidfd], look_again):
                return True
            if names := _read(f"{notes}.waits"):
                self._end_line()
                on_wait(names)
                break
        return self._wait([self._pidfd], deadline)

    def _await_orphans(
        self, deadline: float | None, on_wait: Callable[[str], None]
    ) -> tuple[str, int] | None:
        """Wait for background processes of the line; return name and exit code of the first that failed."""
        failure = None
        warned = False
        patience: float | None = None
        look_again = time.monotonic() + LOOK_SECONDS  # a process may be about to leave the session
        while True:
            self._orphans.look(self._pid)
            for name, code in self._orphans.ended():
                if code not in _FORGIVEN and failure is None:
                    failure = name, code
                self._orphans.look(self._pid)
            if not self._orphans.pidfds or failure:
                return failure
            now = time.monotonic()
            if now >= look_again:
                look_again = now + LOOK_SECONDS
                if not warned:
                    self._end_line()
                    on_wait(", ".join(self._orphans.names()))
                    warned = True
                if patience is None and self._orphans.all_detached(self._pid):
                    patience = now + GRACE_SECONDS
            if now >= min(limit for limit in (deadline, patience, now + 1) if limit is not None):
                return None
            limits = [limit for limit in (deadline, patience, look_again) if limit is not None]
            self._wait(self._orphans.pidfds, min(limits))

    def _wait(self, pidfds: list[int], deadline: float | None) -> bool:
        """Forward output until one of these processes ends (True) or the deadline passes (False)."""
        poll = select.poll()
        for descriptor in [*pidfds, *([self._output] if self._is_open else [])]:
            poll.register(descriptor, select.POLLIN)
        while True:
            wait = MAX_WAIT_SECONDS if deadline is None else max(0.0, deadline - time.monotonic())
            ready = {descriptor for descriptor, _ in poll.poll(min(wait, MAX_WAIT_SECONDS) * 1000)}
            if not ready.isdisjoint(pidfds):
                return True
            if ready and not self._pass_on():
                poll.unregister(self._output)
            if deadline is not None and time.monotonic() >= deadline:
                return False

    def _peek(self) -> int:
        """Wait for the command's leader without reaping it; returns its exit status or signal number."""
        ended = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT)
        return ended.si_status if ended else 0

    def _end(self) -> int:
        """End all processes that still run, and return the exit code of the command's leader.

        The process group's id cannot be reused before the leader is reaped, so the signals reach nobody else.
        """
        self._orphans.look(self._pid)
        if not self._wait([self._pidfd], 0) or self._orphans.pidfds:
            self._signal(signal.SIGTERM)
            self._orphans.signal(signal.SIGTERM)
            self._wait_all(time.monotonic() + GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        self._orphans.kill(self._pid)
        self._drain()
        self._end_line()
        status, self.usage = wait_for(self._pid)
        os.close(self._pidfd)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def _wait_all(self, deadline: float) -> None:
        """Wait for the leader and its known orphans."""
        self._wait([self._pidfd], deadline)
        while pidfds := self._orphans.pidfds:
            if not self._wait(pidfds, deadline):
                return
            for _ in self._orphans.ended():
                pass

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._pid, number)

    def _drain(self) -> None:
        """Forward what the pipe still contains, but do not wait for more."""
        for _ in range(fcntl.fcntl(self._output, fcntl.F_GETPIPE_SZ) // _PIECE + 1):
            if not self._pass_on():
                break

    def _pass_on(self) -> bool:
        """Forward one piece of output if there is one; False at the end of the output."""
        try:
            piece = os.read(self._output, _PIECE)
        except BlockingIOError:
            return True
        self._write(piece)
        self._is_open = bool(piece)
        return self._is_open

    def _write(self, piece: bytes, *, last: bool = False) -> None:
        """Mask and forward output, and keep its end."""
        if self._mask is not None:
            piece = self._mask.feed(piece, last=last)
        self._on_output(piece)
        self._tail += piece
        del self._tail[:-TAIL_BYTES]
        log.write(piece)

    def _end_line(self) -> None:
        """End the current line of output, so that the worker's next event starts a line."""
        if self._mask is not None:
            self._write(b"", last=True)
        if self._tail and not self._tail.endswith(b"\n"):
            self._tail += b"\n"
            log.write(b"\n")


def _read(path: str) -> str:
    with suppress(OSError), open(path, "rb", opener=_as_it_is) as file:
        return file.read(_PIECE).decode(errors="replace")
    return ""


def _judged(code: int, notes: str) -> tuple[int, str]:
    """Return the exit code that counts and the program that failed, from the notes of strict.bash."""
    try:
        with open(notes, "rb", opener=_as_it_is) as file:
            status, _, rest = file.read(TAIL_BYTES).decode(errors="replace").partition("\0")
    except FileNotFoundError:
        harmless = code == _SIGPIPE and os.path.exists(f"{notes}.pipe")
        return 0 if harmless else code, ""
    except OSError:  # the line itself has replaced the file
        return code or 1, ""
    if code in {0, _SIGPIPE}:  # a failure that bash itself does not report
        code = int(status) if status.isdecimal() else 1
    return code, rest.partition("\0")[0]


def _as_it_is(path: str, flags: int) -> int:
    """Open a file without following links or blocking on a pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
