"""The process that forks workers: it has imported what they run, and knows nothing of any task.

For each task it is handed one end of a socket, and forks a supervisor. That reads the request from it, and
then who is at the other end: the *holder*, a process that does nothing in the sandbox that bubblewrap made
for the task. The supervisor joins the sandbox, gives up all privileges and forks the worker, which is then in
the holder's process namespace and ends with it. The supervisor alone keeps its end of the socket, whose
closing ends the holder: so a sandbox ends with its worker, and a worker with its supervisor.

What the supervisor has to tell, it writes where bubblewrap reports, in the same form, an object a line:
`worker-pid`, then `worker-exit` (128 + N for signal N); or `join-error`, an errno.
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

# What a task imports, so that none has to.
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
from ogdc_worker.forked.joining import be_dumpable, give_up_privileges, join

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_SANDBOX_HAS_ENDED = {errno.ESRCH, errno.ENOENT, errno.ENOMEM}
"""What calls that have to do with it fail with; the last: fork(2), in pid_namespaces(7)."""
_REQUEST_BYTES = 1 << 18
_MAX_DESCRIPTORS = 16
_INODE = struct.Struct("=Q")
"""What a request begins with."""
_CREDENTIALS = struct.Struct("=iII")
"""Process, uid and gid of who has sent a message. Source: unix(7)."""


class _Request(NamedTuple):
    """A worker that is asked for."""

    content: bytes
    """What only the worker reads: an object with its `argv` and its environment, `env`."""
    inode: int
    """Of the socket's other end, which tells the holder."""
    stdin: int
    output: int
    reports: int
    """Where bubblewrap and the supervisor report."""
    group: int | None
    """What a process writes 0 to, to enter the task's cgroup; None: there is none."""


class _Holder(NamedTuple):
    """The process that keeps a sandbox."""

    pid: int
    pidfd: int


def serve() -> None:
    """Fork a worker for each socket that comes, until nobody is left who could send one.

    The words of the command line: the descriptor they come from; the uid that workers take on, or nothing;
    and the filter of system calls, in hexadecimal digits.
    """
    descriptor, uid, system_calls = sys.argv[1:]
    control = socket(fileno=int(descriptor))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel forgets supervisors that have ended
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
    """Fork, and say whether this is the child; where there can be none, the task is begun in another way."""
    with suppress(OSError):
        return os.fork() == 0
    return False


def _next(control: socket) -> socket | None:
    _, descriptors, _, _ = recv_fds(control, 1, 1, MSG_CMSG_CLOEXEC)
    return socket(fileno=descriptors[0]) if descriptors else None


def _worker(sandbox: socket, uid: int | None, system_calls: bytes) -> _Request:
    """Fork a worker and return in it; the supervisor, which this process becomes, never does."""
    request = _read_request(sandbox)
    try:
        holder = _await_holder(sandbox, request)
        if holder is None:
            os._exit(1)
        if request.group is not None:
            os.write(request.group, b"0")
        join(*holder)
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
    with suppress(OSError):  # a holder that a command has stopped; root's can be neither stopped nor killed
        signal.pidfd_send_signal(holder.pidfd, signal.SIGKILL)
    os._exit(0)


def _read_request(sandbox: socket) -> _Request:
    message, descriptors, _, _ = recv_fds(sandbox, _REQUEST_BYTES, _MAX_DESCRIPTORS, MSG_CMSG_CLOEXEC)
    (inode,) = _INODE.unpack_from(message)
    stdin, output, reports, *group = descriptors
    return _Request(message[_INODE.size :], inode, stdin, output, reports, group[0] if group else None)


def _await_holder(sandbox: socket, request: _Request) -> _Holder | None:
    """Have the kernel say who is at the other end, once there is somebody; None: nobody is left there."""
    content, ancillary, _, _ = sandbox.recvmsg(1, CMSG_SPACE(_CREDENTIALS.size))
    if not content:
        return None
    pid, _, _ = _CREDENTIALS.unpack(ancillary[0][2])
    with suppress(ProcessLookupError, FileNotFoundError):
        pidfd = os.pidfd_open(pid)
        if os.stat(f"/proc/{pid}/fd/{_STDOUT}").st_ino == request.inode:  # no other has got its number
            return _Holder(pid, pidfd)
    return None


def _report(request: _Request, what: bytes, value: int) -> None:
    with suppress(BrokenPipeError):  # the engine has ended the sandbox, and no longer listens
        os.write(request.reports, b'{"%s": %d}\n' % (what, value))


def _begin(request: _Request) -> None:
    """Become what bubblewrap starts as a worker: nothing of this process is left to it but the modules."""
    os.setsid()
    for descriptor, number in ((request.stdin, _STDIN), (request.output, _STDOUT), (request.output, _STDERR)):
        os.dup2(descriptor, number)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > _STDERR:
            with suppress(OSError):  # the one that they were listed by
                os.close(descriptor)
    be_dumpable()
    os.environ.clear()
    asked: dict[str, Any] = json.loads(request.content)
    os.environ.update(asked["env"])
    time.tzset()
    sys.argv[:] = asked["argv"]
