"""The engine's side of `ogdc_worker.forked.server`: starting it, and asking it for a worker."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from socket import (
    AF_UNIX,
    MSG_DONTWAIT,
    SO_PASSCRED,
    SOCK_SEQPACKET,
    SOL_SOCKET,
    send_fds,
    socket,
    socketpair,
)

from ogdc_local.sandbox.interpreter import fork_server_command, interpreter

_LOG = logging.getLogger(__name__)
_END_SECONDS = 5.0
_MAX_KILLED = 3
_INODE = struct.Struct("=Q")
"""What the server is sent with a request's sockets: which one the holder has."""
_AT_ONCE = {"LD_BIND_NOW": "1"}
"""The server looks up the functions of its libraries once, instead of each worker. Source: ld.so(8)."""
HOLDER = ("/bin/sh", "-c", '{ echo && read -r end <&1; } 2> /dev/null; exit "${end:-137}"')
"""What holds a sandbox. It writes to its stdout, a socket, once it is there. It ends when that closes, with
the exit code that it was sent, or 137 if the worker was killed and sent none."""


class ForkServer:
    """A process that forks workers, once one has been asked for; one thread calls this."""

    def __init__(self, *, uid: int | None, system_calls: bytes, environ: Mapping[str, str]) -> None:
        """Store the parameters; no process is started yet.

        Args:
            uid: The uid and gid of workers, or None for the engine's.
            system_calls: The filter that restricts the system calls of workers.
            environ: The complete environment of the server.
        """
        self.has_supervisors = uid is None
        """Whether a supervisor reports how a worker ended. Otherwise the holder exits as the worker did."""
        self._words = ("" if uid is None else str(uid), system_calls.hex())
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket | None = None
        self._is_ready = False
        self._killed = 0
        """How many servers in a row were killed before they were ready."""
        self._is_given_up = not hasattr(os, "pidfd_open") or not hasattr(os, "memfd_create")

    def is_ready(self) -> bool:
        """Whether a worker can be asked for; where not, the server is started for those that come later."""
        if self._is_ready and self._process is not None and self._process.poll() is not None:
            self.close()  # somebody has killed it
        if not self._is_given_up and self._control is None:
            self._start()
        elif self._control is not None and not self._is_ready:
            self._listen(self._control)
        return self._is_ready

    def _listen(self, control: socket) -> None:
        try:
            self._is_ready = bool(control.recv(1, MSG_DONTWAIT))
        except BlockingIOError:
            return
        except ConnectionError:
            pass
        if not self._is_ready:
            self._ended_early()
            return
        self._killed = 0

    def _ended_early(self) -> None:
        """Let the next task have another server if somebody has killed this one, but not again and again."""
        process = self._process
        self.close()
        self._killed += 1
        was_killed = process is not None and process.returncode is not None and process.returncode < 0
        if not was_killed or self._killed == _MAX_KILLED:
            self.give_up("the server that forks them ended before it was ready")

    def ask(
        self, argv: Sequence[str], environ: Mapping[str, str], descriptors: Sequence[int]
    ) -> socket | None:
        """Request a worker in a sandbox; return a socket to use as stdout of the sandbox's holder.

        Args:
            argv: The worker's command line.
            environ: The worker's complete environment.
            descriptors: Descriptors for stdin; stdout and stderr; bubblewrap's status; and, if the task has
                one, the file by which a process enters its cgroup.

        Returns:
            The socket, or None if the server has ended or cannot take the request.
        """
        if self._control is None:
            return None
        servers, holders = socketpair(AF_UNIX, SOCK_SEQPACKET)
        receiver, sender = socketpair(AF_UNIX, SOCK_SEQPACKET)
        try:
            servers.setsockopt(SOL_SOCKET, SO_PASSCRED, 1)
            inode = os.fstat(holders.fileno()).st_ino
            request = json.dumps({"argv": list(argv), "env": dict(environ)}).encode()
            send_fds(sender, [request], list(descriptors), MSG_DONTWAIT)
            send_fds(self._control, [_INODE.pack(inode)], [servers.fileno(), receiver.fileno()], MSG_DONTWAIT)
        except OSError as exc:
            _LOG.info("The fork server cannot be asked for a worker: %s", exc)
            holders.close()
            if isinstance(exc, (BrokenPipeError, ConnectionError)):
                self.close()  # the next task has another one started
            return None
        finally:
            for each in (servers, receiver, sender):
                each.close()
        return holders

    def give_up(self, reason: str) -> None:
        """Have no more workers forked while this engine is up."""
        _LOG.warning("Workers are not forked, so that each takes longer to start: %s.", reason)
        self._is_given_up = True
        self.close()

    def close(self) -> None:
        """End the server; workers that it has forked go on."""
        self._is_ready = False
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _start(self) -> None:
        self._control, its_end = socketpair(AF_UNIX, SOCK_SEQPACKET)
        try:
            with its_end, os.fdopen(_sealed(interpreter()), "rb") as program:
                self._process = subprocess.Popen(
                    [*fork_server_command(), str(its_end.fileno()), *self._words],
                    executable=f"/proc/{os.getpid()}/fd/{program.fileno()}",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(its_end.fileno(),),
                    env=self._environ | _AT_ONCE,
                    cwd="/",
                    start_new_session=True,
                )
        except OSError as exc:
            self.give_up(str(exc))


def _sealed(program: Path) -> int:
    """Copy a program to a sealed memory file, which nobody can change.

    The /proc/self/exe of a forked worker is the server's program, not a read-only one of its sandbox.
    Source: runc, which does the same since CVE-2019-5736; memfd_create(2), fcntl(2).
    """
    copy = os.memfd_create(program.name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with program.open("rb") as original, os.fdopen(copy, "wb", closefd=False) as file:
        shutil.copyfileobj(original, file)
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(copy, fcntl.F_ADD_SEALS, seals)
    return copy
