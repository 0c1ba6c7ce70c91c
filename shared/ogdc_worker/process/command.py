"""One command line of a recipe, run as a process group of its own, together with all that it starts."""

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
"""How much of the end of the output is kept, for the run's message to be chosen from."""
GRACE_SECONDS = 10.0
"""Between asking a command to end and ending it; also what a daemon has once the rest is over."""

LOOK_SECONDS = 0.5
"""How often what a command has left running is looked at."""

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_PIECE = 65536
_INTERNAL = ("ARGO_", "OGDC_")
_STRICT = f"{os.path.dirname(os.path.abspath(__file__))}/strict.bash"
_SIGPIPE = 128 + signal.SIGPIPE
_FORGIVEN = frozenset({0, *(128 + n for n in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM))})
"""How a background process may end: well, or by a signal that nobody but the line itself sends."""


class CommandResult(NamedTuple):
    """How a command ended."""

    exit_code: int
    """As a shell reports it: 128 + the signal's number where a signal ended the command."""
    output: str
    """The end of what it wrote, to stdout and stderr, in the order it was written."""
    timed_out: bool = False
    culprit: str = ""
    """Which of the line's programs failed, with the variables it names; empty where that is not known."""
    left: tuple[str, ...] = ()
    """What it had started and was still running, and had to be ended, although the line itself ended well."""


def command_environment(environ: Mapping[str, str], **additions: str) -> dict[str, str]:
    """Build what a command sees: the container's environment without what is Argo's and ours."""
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
    """Have a shell run `text` in the current directory, and wait for its end and that of all it started.

    stdin is empty; stdout and stderr are passed on to this process's stdout in their order, and their end is
    kept. When the line fails, is out of time, or an exception (a signal's, say) leaves this function, all it
    started ends too. So do daemons, which have left the line's session, some time after everything else.

    Args:
        text: The command line.
        environment: All of its environment.
        timeout: Seconds it may take; None: as long as it likes.
        shell: The words before the line.
        notes: Where nothing is, and bash may write which program failed; None: it is no strict bash.
        on_wait: Called with the names of what the line has left running, if there is such.
        on_output: Given each piece of what it writes.
        on_end: Called with what it has used, with all that it started.
        mask: Replaces in its output what nobody is to see; None: there is nothing.

    Raises:
        InvalidRecipeError: the line is longer than the kernel takes, or there is no such shell.
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
        orphans.kill()  # a signal may come when there is a command already, and nobody yet who waits for it
        raise
    finally:
        orphans.close()
        os.close(output)


def _spawn(text: str, environment: Mapping[str, str], shell: tuple[str, ...], output: int) -> int:
    """Start the command as the leader of a new session.

    posix_spawn, because importing subprocess takes longer than most of the rest of a small task.
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
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores them, and ignoring is inherited
        )
    except (FileNotFoundError, PermissionError) as exc:  # the latter also where a directory of PATH is closed
        raise InvalidRecipeError(
            f"There is no {shell[0]} where tasks run that may be executed, and it is the shell of the "
            "recipe's lines. Install it there, or name another in the recipe's first line: #!/bin/bash."
        ) from exc
    except OSError as exc:
        if exc.errno == errno.E2BIG:
            raise InvalidRecipeError(
                f"A command line of {len(text)} characters is too long for the system; "
                "put it into a script beside recipe.sh and call that as $RECIPE_DIR/NAME, or split it."
            ) from exc
        raise


class _Child:
    """A running command, the pipe its output comes through, and what it leaves behind."""

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
        """Once it has ended, of the command's leader and of what that has waited for."""
        os.set_blocking(output, False)

    def outcome(
        self,
        timeout: float | None,
        notes: str | None,
        on_wait: Callable[[str], None],
        *,
        background: bool,
    ) -> CommandResult:
        """Wait for the end of it all; see `run_command`."""
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
        """Wait for the leader, and tell once what it waits for in its turn; as `_wait`."""
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
        """Wait for what the line has left running; returns what failed of it, and how."""
        failure = None
        warned = False
        patience: float | None = None
        look_again = time.monotonic() + LOOK_SECONDS  # it may just be about to leave the session
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
        """Pass output on until one of these processes has ended (True) or it is time (False)."""
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
        """How the command's leader has ended: its exit status, or that of the signal."""
        ended = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT)
        return ended.si_status if ended else 0

    def _end(self) -> int:
        """End whatever still runs, and return the exit code of the command's leader.

        The group's id stays taken until its leader is waited for, so the signals cannot hit anybody else.
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
        """Wait for the leader and for those of its orphans that are known."""
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
        """Pass on what the pipe still holds, and no more."""
        for _ in range(fcntl.fcntl(self._output, fcntl.F_GETPIPE_SZ) // _PIECE + 1):
            if not self._pass_on():
                break

    def _pass_on(self) -> bool:
        """Write a piece of output, if there is one now, to our own; False once no more can come."""
        try:
            piece = os.read(self._output, _PIECE)
        except BlockingIOError:
            return True
        self._write(piece)
        self._is_open = bool(piece)
        return self._is_open

    def _write(self, piece: bytes, *, last: bool = False) -> None:
        """Write output to our own, and keep its end; without what is masked."""
        if self._mask is not None:
            piece = self._mask.feed(piece, last=last)
        self._on_output(piece)
        self._tail += piece
        del self._tail[:-TAIL_BYTES]
        log.write(piece)

    def _end_line(self) -> None:
        """What the worker says next begins a line."""
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
    """Read what strict.bash has noted: the exit code that counts, and what failed."""
    try:
        with open(notes, "rb", opener=_as_it_is) as file:
            status, _, rest = file.read(TAIL_BYTES).decode(errors="replace").partition("\0")
    except FileNotFoundError:
        harmless = code == _SIGPIPE and os.path.exists(f"{notes}.pipe")
        return 0 if harmless else code, ""
    except OSError:  # the line itself has put something else there
        return code or 1, ""
    if code in {0, _SIGPIPE}:  # it failed where bash itself does not look
        code = int(status) if status.isdecimal() else 1
    return code, rest.partition("\0")[0]


def _as_it_is(path: str, flags: int) -> int:
    """Open a file without waiting for a pipe, and through no link."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
