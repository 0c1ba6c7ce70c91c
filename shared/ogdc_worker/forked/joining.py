"""Join an existing sandbox and give up the privileges that lead out of it, as nsenter and setpriv do.

Source: setns(2), close_range(2), namespaces(7), user_namespaces(7), capset(2), prctl(2), seccomp(2);
linux/sched.h, linux/capability.h, linux/filter.h.
"""

from __future__ import annotations

import ctypes
import os
import struct
from contextlib import suppress

_NEW_USER, _NEW_PID = 0x10000000, 0x20000000
_NAMESPACES = tuple(
    (name, flag, os.readlink(f"/proc/self/ns/{name}"))
    for name, flag in {
        "user": _NEW_USER,
        "mnt": 0x00020000,
        "pid": _NEW_PID,
        "net": 0x40000000,
        "ipc": 0x08000000,
        "uts": 0x04000000,
        "cgroup": 0x02000000,
    }.items()
)
"""For each kind: its name in /proc, its CLONE_NEW… flag, and the namespace of this process and its forks."""
_SET_DUMPABLE, _SET_SECCOMP, _DROP_FROM_BOUNDING_SET, _SET_NO_NEW_PRIVILEGES = 4, 22, 24, 38
_FILTER = 2
"""SECCOMP_MODE_FILTER."""
_CAPABILITIES_VERSION = 0x20080522
with open("/proc/sys/kernel/cap_last_cap") as _file:
    _LAST_CAPABILITY = int(_file.read())
    """The highest capability that this kernel has."""
_INSTRUCTION_BYTES = 8
_MAX_DESCRIPTOR = 0xFFFFFFFF
_LIBC = ctypes.CDLL(None, use_errno=True)
_PRCTL = _LIBC.prctl
_PRCTL.argtypes = (ctypes.c_int, *(ctypes.c_ulong for _ in range(4)))


class _FilterProgram(ctypes.Structure):
    """The struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def fork_in(pidfd: int) -> int:
    """Fork a child into the process namespace of another process; see `os.fork`.

    Raises:
        OSError: the kernel does not allow it, or the process has ended.
    """
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    child = None
    try:
        _checked(_LIBC.setns(pidfd, _NEW_PID))
        try:
            child = os.fork()
        finally:
            if child != 0:
                _checked(_LIBC.setns(own, _NEW_PID))
    finally:
        os.close(own)
    return child


def join(pid: int, pidfd: int) -> bool:
    """Join all namespaces of a process that this process is not in yet.

    This changes the root directory, too. Only future children of this process enter the process namespace.

    Returns:
        Whether it has joined a user namespace, and so has all capabilities there.

    Raises:
        OSError: the kernel does not allow it, or the process has ended.
    """
    differing = 0
    for name, flag, own in _NAMESPACES:
        if os.readlink(f"/proc/{pid}/ns/{name}") != own:
            differing |= flag
    _checked(_LIBC.setns(pidfd, differing))
    return bool(differing & _NEW_USER)


def empty_bounding_set() -> None:
    """Keep this process and its children from gaining further capabilities; they keep those they have.

    The set is full again after joining a user namespace.

    Raises:
        OSError: it may not do that.
    """
    for capability in range(_LAST_CAPABILITY + 1):
        _prctl(_DROP_FROM_BOUNDING_SET, capability)


def give_up_privileges(uid: int | None, system_calls: bytes) -> None:
    """Become an ordinary user, without capabilities, and limited to the system calls of a task.

    It is for good if the bounding set is empty. Afterwards only root can inspect this process, until
    `be_dumpable`.

    Args:
        uid: The new uid and gid, or None to keep the current ones.
        system_calls: The filter in the format that bubblewrap takes, or empty for no filter.

    Raises:
        OSError: the kernel does not allow it.
    """
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _checked(_LIBC.capset(struct.pack("=Ii", _CAPABILITIES_VERSION, 0), bytes(24)))
    _prctl(_SET_DUMPABLE, 0)
    _prctl(_SET_NO_NEW_PRIVILEGES, 1)
    if system_calls:
        program = _FilterProgram(len(system_calls) // _INSTRUCTION_BYTES, system_calls)
        _prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(program))


def require_process() -> None:
    """Check that the user of this process may have one more.

    Fork and exec check this, but not the call that changes the user. Source: setresuid(2), RLIMIT_NPROC.

    Raises:
        OSError: EAGAIN, it may not.
    """
    with suppress(FileNotFoundError):
        os.posix_spawn("", ["-"], {})  # no file has this name


def close_above(last: int) -> None:
    """Close all descriptors above one."""
    if hasattr(_LIBC, "close_range") and _LIBC.close_range(last + 1, ctypes.c_uint(_MAX_DESCRIPTOR), 0) == 0:
        return  # Linux 5.9 and glibc 2.34 have it
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > last:
            with suppress(OSError):  # the descriptor of the listing itself is already closed
                os.close(descriptor)


def be_dumpable() -> None:
    """Own the files of this process in /proc again, like a process that has just been started."""
    _prctl(_SET_DUMPABLE, 1)


def _prctl(option: int, value: int, pointer: int = 0) -> None:
    _checked(_PRCTL(option, value, pointer, 0, 0))


def _checked(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
