"""System calls that no command needs and that lead out of what confines it, refused by the kernel.

A user namespace gives its maker capabilities in it: enough for file systems of memory that no limit counts,
and for parts of the kernel that are otherwise root's. Sockets that lead to a virtual machine's host (vsock),
to Bluetooth or to the kernel's ciphers are in no network namespace. And the kernel's keyrings, of which every
process has its user's, hold Kerberos tickets, say.

Source: seccomp(2); linux/filter.h, linux/seccomp.h and linux/audit.h; bwrap(1), --seccomp.
"""

from __future__ import annotations

import errno
import os
import platform
import socket
import struct
from functools import cache
from typing import NamedTuple

_NEW_USER = 0x10000000
"""CLONE_NEWUSER."""
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
_X32 = 0x40000000
"""From here on the numbers of x86-64's system calls are those of its x32 variant."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENT = 0, 4, 16
"""Where seccomp_data has them; of the first argument its lower half."""
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000


class _Calls(NamedTuple):
    """Numbers of system calls of an architecture."""

    architecture: int
    clone: int
    unshare: int
    socket: int
    keys: tuple[int, int, int]
    """add_key, request_key, keyctl."""
    clone3: int = 435
    socketcall: int | None = None
    """Takes what a socket is from memory, where no filter can look."""
    has_x32: bool = False


_I386 = _Calls(0x40000003, clone=120, unshare=310, socket=359, keys=(286, 287, 288), socketcall=102)
_CALLS = {
    "x86_64": (
        _Calls(0xC000003E, clone=56, unshare=272, socket=41, keys=(248, 249, 250), has_x32=True),
        _I386,
    ),
    "aarch64": (_Calls(0xC00000B7, clone=220, unshare=97, socket=198, keys=(217, 218, 219)),),
}


@cache
def system_call_filter(machine: str = platform.machine()) -> bytes:
    """Build the filter of an architecture, as bubblewrap takes it; empty where its calls are not known here.

    Programs of another architecture than the machine's can call nothing; those of i386 can, on x86-64.
    """
    if machine not in _CALLS:
        return b""
    parts = [_of_architecture(calls) for calls in _CALLS[machine]]
    return b"".join((_load(_ARCHITECTURE), *parts, _refuse(errno.ENOSYS)))


def open_filter(content: bytes) -> int:
    """Open something that the filter is read from."""
    reader, writer = os.pipe()
    os.write(writer, content)  # some hundred bytes, which a pipe holds
    os.close(writer)
    return reader


def _of_architecture(calls: _Calls) -> bytes:
    body = [
        _load(_NUMBER),
        *([_where(_AT_LEAST, _X32, _refuse(errno.ENOSYS))] if calls.has_x32 else []),
        *(_where(_EQUAL, number, _refuse(errno.ENOSYS)) for number in _unknown(calls)),
        *(_where(_EQUAL, number, _no_new_user()) for number in (calls.clone, calls.unshare)),
        _where(_EQUAL, calls.socket, _known_families()),
        _return(_ALLOW),
    ]
    return _where(_EQUAL, calls.architecture, b"".join(body))


def _unknown(calls: _Calls) -> tuple[int, ...]:
    """Those that are as if the kernel had none of them: in place of clone3 libraries use clone."""
    return (*calls.keys, calls.clone3, *(() if calls.socketcall is None else (calls.socketcall,)))


def _no_new_user() -> bytes:
    return _load(_ARGUMENT) + _where(_ANY_BIT, _NEW_USER, _refuse(errno.EPERM)) + _return(_ALLOW)


def _known_families() -> bytes:
    known = b"".join(_where(_EQUAL, family, _return(_ALLOW)) for family in _FAMILIES)
    return _load(_ARGUMENT) + known + _refuse(errno.EAFNOSUPPORT)


def _load(offset: int) -> bytes:
    return _instruction(_LOAD, offset)


def _where(test: int, value: int, then: bytes) -> bytes:
    """Do `then` where what was loaded passes a test, else go on behind it."""
    return _instruction(test, value, otherwise=len(then) // 8) + then


def _refuse(number: int) -> bytes:
    return _return(_REFUSE | number)


def _return(value: int) -> bytes:
    return _instruction(_RETURN, value)


def _instruction(code: int, value: int, *, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, 0, otherwise, value)
