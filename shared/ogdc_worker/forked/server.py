"""The server that forks workers. It has imported what they run, and holds no data of any task.

For each task, the server receives one end of a socket and forks a supervisor. The supervisor reads the
request from the socket. It then learns from the kernel which process is at the other end: the *holder*, an
idle process in the sandbox that bubblewrap made for the task. The supervisor joins the sandbox, gives up all
privileges and forks the worker. The worker is in the holder's process namespace and ends with it. Only the
supervisor keeps its end of the socket, and closing it ends the holder. A sandbox therefore ends with its
worker, and a worker with its supervisor.

The supervisor reports to the same descriptor as bubblewrap and in the same format, one object per line:
`worker-pid` and then `worker-exit` (128 + N for signal N), or `join-error` with an errno.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import resource  # noqa: F401  each task sets a limit
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
from typing import Any, NamedTuple

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
from ogdc_worker.forked.joining import be_dumpable, close_above, empty_bounding_set, give_up_privileges, join

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_SANDBOX_HAS_ENDED = {errno.ESRCH, errno.ENOENT, errno.ENOMEM}
"""Errors of system calls if the sandbox has ended. ENOMEM comes from fork(2): see pid_namespaces(7)."""
_REQUEST_BYTES = 1 << 18
_MAX_DESCRIPTORS = 16
_INODE = struct.Struct("=Q")
"""The first bytes of a request."""
_CREDENTIALS = struct.Struct("=iII")
"""Process id, uid and gid of a message's sender. Source: unix(7)."""


class _Request(NamedTuple):
    """A request for a worker."""

    content: bytes
    """JSON that only the worker reads: an object with its `argv` and its environment, `env`."""
    inode: int
    """The inode of the socket's other end, which identifies the holder."""
    stdin: int
    output: int
    reports: int
    """The descriptor that bubblewrap and the supervisor report to."""
    group: int | None
    """A process writes 0 to this descriptor to enter the task's cgroup; None if there is no cgroup."""


class _Holder(NamedTuple):
    """The idle process that keeps a sandbox alive."""

    pid: int
    pidfd: int


def serve() -> None:
    """Fork a worker for each socket that arrives, until no process is left that could send one.

    The command line has three arguments: the descriptor from which sockets are received, the uid for workers
    (empty to keep the current one), and the system-call filter in hexadecimal digits.
    """
    descriptor, uid, system_calls = sys.argv[1:]
    control = socket(fileno=int(descriptor))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps supervisors that have ended
    if uid:  # root runs this
        empty_bounding_set()
    gc.collect()
    gc.freeze()
    with suppress(BrokenPipeError):
        control.send(b"1")
    while sandbox := _next(control):
        if _is_fork():
            break
        sandbox.close()
    else:
        return
    control.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = _worker(sandbox, int(uid) if uid else None, bytes.fromhex(system_calls))
    sandbox.close()
    _begin(request)
    sys.exit(main())


def _is_fork() -> bool:
    """Fork and return whether this is the child. If forking fails, the task is started in another way."""
    with suppress(OSError):
        return os.fork() == 0
    return False


def _next(control: socket) -> socket | None:
    _, descriptors, _, _ = recv_fds(control, 1, 1, MSG_CMSG_CLOEXEC)
    return socket(fileno=descriptors[0]) if descriptors else None


def _worker(sandbox: socket, uid: int | None, system_calls: bytes) -> _Request:
    """Fork a worker and return in it. This process becomes the supervisor and never returns."""
    request = _read_request(sandbox)
    try:
        holder = _await_holder(sandbox, request)
        if holder is None:
            os._exit(1)
        if request.group is not None:
            os.write(request.group, b"0")
        if join(*holder) or uid is None:
            empty_bounding_set()
        give_up_privileges(uid, system_calls)
        worker = os.fork()
    except OSError as exc:
        if exc.errno not in _SANDBOX_HAS_ENDED:
            _report(request, b"join-error", exc.errno or 0)
        os._exit(1)
    if worker == 0:
        return request
    for descriptor in (request.stdin, request.output):
        os.close(descriptor)
    _report(request, b"worker-pid", worker)
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    _report(request, b"worker-exit", code if code >= 0 else 128 - code)
    with suppress(OSError):  # a command may have stopped the holder, unless root runs it
        signal.pidfd_send_signal(holder.pidfd, signal.SIGKILL)
    os._exit(0)


def _read_request(sandbox: socket) -> _Request:
    message, descriptors, _, _ = recv_fds(sandbox, _REQUEST_BYTES, _MAX_DESCRIPTORS, MSG_CMSG_CLOEXEC)
    (inode,) = _INODE.unpack_from(message)
    stdin, output, reports, *group = descriptors
    return _Request(message[_INODE.size :], inode, stdin, output, reports, group[0] if group else None)


def _await_holder(sandbox: socket, request: _Request) -> _Holder | None:
    """Wait for the holder and identify it by the credentials from the kernel; return None if it has ended."""
    content, ancillary, _, _ = sandbox.recvmsg(1, CMSG_SPACE(_CREDENTIALS.size))
    if not content:
        return None
    pid, _, _ = _CREDENTIALS.unpack(ancillary[0][2])
    with suppress(ProcessLookupError, FileNotFoundError):
        pidfd = os.pidfd_open(pid)
        if os.stat(f"/proc/{pid}/fd/{_STDOUT}").st_ino == request.inode:  # no other process has taken its pid
            return _Holder(pid, pidfd)
    return None


def _report(request: _Request, what: bytes, value: int) -> None:
    with suppress(BrokenPipeError):  # the engine has ended the sandbox and no longer reads
        os.write(request.reports, b'{"%s": %d}\n' % (what, value))


def _begin(request: _Request) -> None:
    """Make this process like a worker that bubblewrap starts. Only the imported modules remain."""
    os.setsid()
    for descriptor, number in ((request.stdin, _STDIN), (request.output, _STDOUT), (request.output, _STDERR)):
        os.dup2(descriptor, number)
    close_above(_STDERR)
    be_dumpable()
    os.environ.clear()
    asked: dict[str, Any] = json.loads(request.content)
    os.environ.update(asked["env"])
    time.tzset()
    sys.argv[:] = asked["argv"]
