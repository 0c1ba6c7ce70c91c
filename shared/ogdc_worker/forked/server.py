"""The server that forks workers. It has imported what they run, and holds no data of any task.

For each task, the server receives two sockets. One leads to the *holder*, an idle process in the sandbox that
bubblewrap made for the task; the other has a request, which only the worker reads. The server learns from the
kernel which process the holder is, and forks the worker into the holder's process namespace. The worker joins
the rest of the sandbox and gives up all privileges. It then keeps the socket to the holder, which ends when
that closes. A sandbox therefore ends with its worker, and a worker with its sandbox. At its end, the worker
sends its exit code to the holder, which exits with it.

An ordinary user's commands could trace the holder, and a process that joins a user namespace cannot return.
So the server of an ordinary user forks a supervisor for each task, which joins the sandbox, forks the worker,
and keeps the socket. The supervisor reports how the worker ended.

Reports go to the same descriptor as those of bubblewrap and have the same format, one object per line:
`worker-pid`, then `join-error` with an errno if that failed, or the supervisor's `worker-exit` (128 + N for
signal N).
"""

from __future__ import annotations

import errno
import gc
import json
import os
import resource  # noqa: F401  each task sets a limit
import select
import signal
import struct
import sys
import time
from contextlib import suppress
from socket import (
    CMSG_SPACE,
    MSG_CMSG_CLOEXEC,
    recv_fds,
    socket,
)
from typing import TYPE_CHECKING, Any, NamedTuple

# The modules that tasks import, so that no worker has to load them.
import ogdc_shared.copying
import ogdc_shared.outputs.thumbnails  # noqa: F401
import ogdc_worker.fetch.recipe_files
import ogdc_worker.list_inputs
import ogdc_worker.process.checks
import ogdc_worker.process.indexes
import ogdc_worker.process.keeping
import ogdc_worker.process.partition
import ogdc_worker.process.paths
import ogdc_worker.process.per_file
import ogdc_worker.process.priority
import ogdc_worker.process.volumes  # noqa: F401
from ogdc_worker.__main__ import main
from ogdc_worker.forked.joining import (
    be_dumpable,
    close_above,
    empty_bounding_set,
    fork_in,
    give_up_privileges,
    join,
    require_process,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

_STDIN, _STDOUT, _STDERR, _HOLDER = 0, 1, 2, 3
"""Descriptors of a worker; it closes all others."""
_SANDBOX_HAS_ENDED = {errno.ESRCH, errno.ENOENT, errno.ENOMEM}
"""Errors of system calls if the sandbox has ended. ENOMEM comes from fork(2): see pid_namespaces(7)."""
_REQUEST_BYTES = 1 << 18
_MAX_DESCRIPTORS = 16
_INODE = struct.Struct("=Q")
"""Comes with the sockets: the inode of the holder's end, which identifies the holder."""
_CREDENTIALS = struct.Struct("=iII")
"""Process id, uid and gid of a message's sender. Source: unix(7)."""


class _Sandbox(NamedTuple):
    """A sandbox for which a worker has been requested."""

    holders: socket
    """Its other end is the holder's stdout."""
    request: socket
    inode: int

    def close(self) -> None:
        self.holders.close()
        self.request.close()


class _Request(NamedTuple):
    """A request for a worker."""

    content: bytes
    """JSON: an object with the worker's `argv` and its environment, `env`."""
    stdin: int
    output: int
    reports: int
    """The descriptor that bubblewrap reports to, too."""
    group: int | None
    """A process writes 0 to this descriptor to enter the task's cgroup; None if there is no cgroup."""


class _Holder(NamedTuple):
    """The idle process that keeps a sandbox alive."""

    pid: int
    pidfd: int


def serve() -> None:
    """Fork a worker for each request, until no process is left that could send one.

    The command line has three arguments: the descriptor from which requests are received, the uid for workers
    (empty to keep the current one), and the system-call filter in hexadecimal digits.
    """
    descriptor, uid, system_calls = sys.argv[1:]
    control = socket(fileno=int(descriptor))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps processes that have ended
    if uid:  # root runs this
        empty_bounding_set()
    gc.collect()
    gc.freeze()
    with suppress(BrokenPipeError):
        control.send(b"1")
    for sandbox, holder in _ready(control):
        if _is_worker(sandbox, holder) if uid else _is_supervisor():
            break
        os.close(holder.pidfd)
        sandbox.close()
    else:
        return
    control.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = _read_request(sandbox.request)
    if uid:
        _join(request, holder, int(uid), bytes.fromhex(system_calls))
        _begin(request, sandbox.holders)
        _run_and_send_exit_code()
    _supervise(request, sandbox, holder, bytes.fromhex(system_calls))
    sandbox.holders.close()
    _begin(request)
    sys.exit(main())


def _ready(control: socket) -> Iterator[tuple[_Sandbox, _Holder]]:
    """Yield each sandbox once its holder is there. The receiver closes them."""
    waiting: dict[int, _Sandbox] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor != control.fileno():
                sandbox = waiting.pop(descriptor)
                poll.unregister(descriptor)
                if holder := _holder(sandbox):
                    yield sandbox, holder
                else:
                    sandbox.close()
            elif new := _next(control):
                waiting[new.holders.fileno()] = new
                poll.register(new.holders, select.POLLIN)
            else:
                return


def _next(control: socket) -> _Sandbox | None:
    message, descriptors, _, _ = recv_fds(control, _INODE.size, 2, MSG_CMSG_CLOEXEC)
    if not descriptors:
        return None
    holders, request = (socket(fileno=each) for each in descriptors)
    return _Sandbox(holders, request, *_INODE.unpack(message))


def _holder(sandbox: _Sandbox) -> _Holder | None:
    """Identify the holder by the credentials from the kernel; return None if it has ended."""
    content, ancillary, _, _ = sandbox.holders.recvmsg(1, CMSG_SPACE(_CREDENTIALS.size))
    if not content:
        return None
    pid, _, _ = _CREDENTIALS.unpack(ancillary[0][2])
    with suppress(ProcessLookupError, FileNotFoundError):
        pidfd = os.pidfd_open(pid)
        if os.stat(f"/proc/{pid}/fd/{_STDOUT}").st_ino == sandbox.inode:  # no other process has taken its pid
            return _Holder(pid, pidfd)
        os.close(pidfd)
    return None


def _is_worker(sandbox: _Sandbox, holder: _Holder) -> bool:
    """Fork into the holder's process namespace, and return whether this is the child.

    If there can be no more processes at the moment, the task is started in another way.
    """
    try:
        return fork_in(holder.pidfd) == 0
    except OSError as exc:
        if exc.errno not in {*_SANDBOX_HAS_ENDED, errno.EAGAIN}:  # the engine will request no more workers
            _report(_read_request(sandbox.request), b"join-error", exc.errno or 0)
        return False


def _is_supervisor() -> bool:
    """Fork, and return whether this is the child. If forking fails, the task is started in another way."""
    with suppress(OSError):
        return os.fork() == 0
    return False


def _read_request(sent: socket) -> _Request:
    with sent:
        content, descriptors, _, _ = recv_fds(sent, _REQUEST_BYTES, _MAX_DESCRIPTORS, MSG_CMSG_CLOEXEC)
    stdin, output, reports, *group = descriptors
    return _Request(content, stdin, output, reports, group[0] if group else None)


def _join(request: _Request, holder: _Holder, uid: int | None, system_calls: bytes) -> None:
    """Join the sandbox and give up all privileges, or end this process."""
    try:
        if uid is not None:  # the worker is in its process namespace, but still sees the machine's /proc
            _report(request, b"worker-pid", int(os.readlink("/proc/self")))
        if request.group is not None:
            os.write(request.group, b"0")
        if join(*holder) or uid is None:
            empty_bounding_set()
        give_up_privileges(uid, system_calls)
        if uid is not None:
            require_process()
    except OSError as exc:
        _fail(request, exc)


def _supervise(request: _Request, sandbox: _Sandbox, holder: _Holder, system_calls: bytes) -> None:
    """Fork the worker and return in it. This process becomes the supervisor and never returns."""
    _join(request, holder, None, system_calls)
    try:
        worker = os.fork()
    except OSError as exc:
        _fail(request, exc)
    if worker == 0:
        return
    for descriptor in (request.stdin, request.output):
        os.close(descriptor)
    _report(request, b"worker-pid", worker)
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    _report(request, b"worker-exit", code if code >= 0 else 128 - code)
    with suppress(OSError):  # a command may have stopped the holder
        signal.pidfd_send_signal(holder.pidfd, signal.SIGKILL)
    os._exit(0)


def _fail(request: _Request, exc: OSError) -> NoReturn:
    if exc.errno not in _SANDBOX_HAS_ENDED:
        _report(request, b"join-error", exc.errno or 0)
    os._exit(1)


def _report(request: _Request, what: bytes, value: int) -> None:
    with suppress(BrokenPipeError):  # the engine has ended the sandbox and no longer reads
        os.write(request.reports, b'{"%s": %d}\n' % (what, value))


def _begin(request: _Request, holder: socket | None = None) -> None:
    """Make this process like a worker that bubblewrap starts. Only the imported modules remain.

    Args:
        request: What the worker is to do.
        holder: The socket to the holder, which is kept as descriptor 3; None if a supervisor has it.
    """
    os.setsid()
    for descriptor, number in ((request.stdin, _STDIN), (request.output, _STDOUT), (request.output, _STDERR)):
        os.dup2(descriptor, number)
    if holder is not None:
        os.dup2(holder.detach(), _HOLDER)
        os.set_inheritable(_HOLDER, False)  # no command has it
    close_above(_STDERR if holder is None else _HOLDER)
    be_dumpable()
    os.environ.clear()
    asked: dict[str, Any] = json.loads(request.content)
    os.environ.update(asked["env"])
    time.tzset()
    sys.argv[:] = asked["argv"]


def _run_and_send_exit_code() -> NoReturn:
    """Run the task and end this process. No command and no copy of this process has the holder's socket."""
    holder = socket(fileno=_HOLDER)
    os.register_at_fork(after_in_child=holder.close)

    def leave(code: int) -> NoReturn:
        with suppress(OSError):  # the sandbox is being ended
            for character in f"{code}\n".encode():  # a shell reads one at a time, and the rest would be lost
                holder.send(bytes((character,)))
        os._exit(code)

    try:
        main(leave)
    except SystemExit as exc:  # a wrong command line
        leave(exc.code if isinstance(exc.code, int) else 1)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        leave(1)
