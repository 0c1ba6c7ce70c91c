"""A seccomp filter that refuses system calls which commands do not need, and which could escape the sandbox.

A new user namespace would give a command capabilities inside it: enough to mount file systems in memory that
no limit counts, and to reach parts of the kernel that only root can use otherwise. Sockets to a virtual
machine's host (vsock), to Bluetooth or to the kernel's ciphers belong to no network namespace. io_uring can
open such sockets unseen by any filter. The kernel's keyrings may contain secrets of the user, such as
Kerberos tickets.

If the kernel does not account a task's memory, the filter also refuses memory that belongs to no process,
because nothing else can count it: memfd, and System V objects that are larger than the small ones with which
programs mark that they are running.

Source: seccomp(2); linux/filter.h, linux/seccomp.h and linux/audit.h; bwrap(1), --seccomp.
"""

from __future__ import annotations

import errno
import os
import platform
import socket
import struct
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

_NEW_USER = 0x10000000
"""CLONE_NEWUSER."""
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
_X32 = 0x40000000
"""Numbers of x86-64's system calls from this one on belong to its x32 variant."""

_LOAD, _EQUAL, _GREATER_OR_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENT, _SECOND = 0, 4, 16, 24
"""Offsets in seccomp_data. For arguments, this is the lower half, and the upper half follows."""
_MAX_SHARED, _MAX_SEMAPHORES = 4096, 32
"""Bytes of a segment, and semaphores in a set. The kernel allows 4,096 and 32,000 of them: some megabytes."""
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000


class _Calls(NamedTuple):
    """Numbers of system calls of an architecture."""

    architecture: int
    clone: int
    unshare: int
    socket: int
    keys: tuple[int, int, int]
    """add_key, request_key, keyctl."""
    memfd: int
    shm: int
    sem: int
    messages: int
    """memfd_create, shmget, semget and msgget."""
    clone3: int = 435
    io_uring: int = 425
    memfd_secret: int = 447
    socketcall: int | None = None
    """Reads the kind of the socket from memory, where a filter cannot see it."""
    ipc: int | None = None
    """Number of the call for all of System V IPC, whose first argument selects the operation."""
    has_x32: bool = False


_I386 = _Calls(
    0x40000003,
    clone=120,
    unshare=310,
    socket=359,
    keys=(286, 287, 288),
    memfd=356,
    shm=395,
    sem=393,
    messages=399,
    socketcall=102,
    ipc=117,
)
_CALLS = {
    "x86_64": (
        _Calls(
            0xC000003E,
            clone=56,
            unshare=272,
            socket=41,
            keys=(248, 249, 250),
            memfd=319,
            shm=29,
            sem=64,
            messages=68,
            has_x32=True,
        ),
        _I386,
    ),
    "aarch64": (
        _Calls(
            0xC00000B7,
            clone=220,
            unshare=97,
            socket=198,
            keys=(217, 218, 219),
            memfd=279,
            shm=194,
            sem=190,
            messages=186,
        ),
    ),
}


@cache
def system_call_filter(machine: str = platform.machine(), *, counted: bool = True) -> bytes:
    """Build the filter for an architecture in bubblewrap's format; empty if the architecture is unknown.

    Programs of other architectures can make no system calls, except i386 programs on x86-64.

    Args:
        machine: The architecture.
        counted: Whether the kernel accounts all memory of a task.
    """
    if machine not in _CALLS:
        return b""
    parts = [_of_architecture(calls, counted=counted) for calls in _CALLS[machine]]
    return b"".join((_load(_ARCHITECTURE), *parts, _refuse(errno.ENOSYS)))


def open_filter(content: bytes) -> int:
    """Return a file descriptor from which the filter can be read."""
    reader, writer = os.pipe()
    os.write(writer, content)  # some hundred bytes, which fit into a pipe
    os.close(writer)
    return reader


def _of_architecture(calls: _Calls, *, counted: bool) -> bytes:
    body = [
        _load(_NUMBER),
        *([_where(_GREATER_OR_EQUAL, _X32, _refuse(errno.ENOSYS))] if calls.has_x32 else []),
        *(_where(_EQUAL, number, _refuse(errno.ENOSYS)) for number in _unknown(calls)),
        *(_where(_EQUAL, number, _no_new_user()) for number in (calls.clone, calls.unshare)),
        _where(_EQUAL, calls.socket, _known_families()),
        *(() if counted else _uncounted(calls)),
        _return(_ALLOW),
    ]
    return _where(_EQUAL, calls.architecture, b"".join(body))


def _unknown(calls: _Calls) -> tuple[int, ...]:
    """Return the system calls that are reported as unknown. Libraries use clone if clone3 is unknown."""
    return (
        *calls.keys,
        calls.clone3,
        calls.io_uring,
        *(() if calls.socketcall is None else (calls.socketcall,)),
    )


def _uncounted(calls: _Calls) -> Iterator[bytes]:
    """Yield the rules against system calls that allocate memory which belongs to no process."""
    for number in (calls.memfd, calls.memfd_secret, calls.messages, calls.ipc):
        if number is not None:
            yield _where(_EQUAL, number, _refuse(errno.ENOSYS))
    upper = _load(_SECOND + 4) + _where(_GREATER_OR_EQUAL, 1, _refuse(errno.ENOSPC))
    yield _where(_EQUAL, calls.shm, upper + _at_most(_MAX_SHARED))
    yield _where(_EQUAL, calls.sem, _at_most(_MAX_SEMAPHORES))


def _at_most(most: int) -> bytes:
    return _load(_SECOND) + _where(_GREATER_OR_EQUAL, most + 1, _refuse(errno.ENOSPC)) + _return(_ALLOW)


def _no_new_user() -> bytes:
    return _load(_ARGUMENT) + _where(_ANY_BIT, _NEW_USER, _refuse(errno.EPERM)) + _return(_ALLOW)


def _known_families() -> bytes:
    known = b"".join(_where(_EQUAL, family, _return(_ALLOW)) for family in _FAMILIES)
    return _load(_ARGUMENT) + known + _refuse(errno.EAFNOSUPPORT)


def _load(offset: int) -> bytes:
    return _instruction(_LOAD, offset)


def _where(test: int, value: int, then: bytes) -> bytes:
    """Run the instructions `then` if the loaded value passes a test; otherwise skip them."""
    return _instruction(test, value, otherwise=len(then) // 8) + then


def _refuse(number: int) -> bytes:
    return _return(_REFUSE | number)


def _return(value: int) -> bytes:
    return _instruction(_RETURN, value)


def _instruction(code: int, value: int, *, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, 0, otherwise, value)
