"""Network namespaces for tasks, each used again if the task before has not used it.

The kernel takes two to three milliseconds to make and remove a network namespace. Most tasks open no socket
there. An engine that root runs therefore makes the namespaces itself, and its thread enters one while it
starts bubblewrap. A namespace is used again only if all processes of its task have ended, no socket of any
kind is left, no connection lingers, and its loopback interface never carried a packet. Tasks cannot change
anything else in it, because they have no capabilities there. An ordinary user's engine leaves it to
bubblewrap to make them.

Source: network_namespaces(7), setns(2), netdevice(7); proc_pid_net(5) for /proc/net/sockstat and
/proc/net/dev; net/socket.c of Linux, where "sockets: used" counts the sockets of all families in a namespace.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_INET, SOCK_DGRAM, socket

from ogdc_local.sandbox.libc import call

_LOG = logging.getLogger(__name__)
_NEW_NET = 0x40000000
_OWN = "/proc/thread-self/ns/net"
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_REQUEST = struct.Struct("=16sH22x")
"""The struct ifreq of linux/if.h, with the flags of an interface."""
_UNUSED_SOCKETS = ("sockets: used 0", "TCP: inuse 0 orphan 0 tw 0 ")
_MAX_FREE = 8


class SpareNetworks:
    """Network namespaces that no task uses at the moment; one thread calls this."""

    def __init__(self) -> None:
        """No namespace is made yet."""
        self._free: list[int] = []
        self._is_given_up = os.geteuid() != 0

    @contextmanager
    def entered(self, *, is_wanted: bool) -> Iterator[int | None]:
        """Move this thread to a namespace within the block, and yield the namespace's descriptor.

        The caller passes it to `leave` when all processes that started there have ended. Yields None if no
        namespace is wanted or there can be none. It is then not tried again.
        """
        if not is_wanted or self._is_given_up:
            yield None
            return
        own = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            namespace = self._enter()
            try:
                yield namespace
            except BaseException:
                if namespace is not None:
                    os.close(namespace)
                raise
            finally:
                call("setns", own, _NEW_NET)
        finally:
            os.close(own)

    def leave(self, namespace: int, is_left: bool) -> None:
        """Take back a namespace; the next use finds out whether it was ever used.

        Args:
            namespace: Its descriptor.
            is_left: Whether no process can be left in it. If one can, the namespace is not used again.
        """
        if is_left and len(self._free) < _MAX_FREE:
            self._free.append(namespace)
        else:
            os.close(namespace)

    def close(self) -> None:
        """Let go of all namespaces."""
        while self._free:
            os.close(self._free.pop())

    def _enter(self) -> int | None:
        try:
            while self._free:
                namespace = self._free.pop()
                call("setns", namespace, _NEW_NET)
                if _is_unused():
                    return namespace
                os.close(namespace)
            return _make()
        except OSError as exc:
            _LOG.info("Bubblewrap makes the network namespaces of tasks: %s", exc)
            self._is_given_up = True
            return None


def _make() -> int:
    """Make a namespace for this thread, with a loopback interface like bubblewrap's."""
    call("unshare", _NEW_NET)
    with socket(AF_INET, SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, _GET_FLAGS, _REQUEST.pack(b"lo", 0))
        _, flags = _REQUEST.unpack(request)
        fcntl.ioctl(any_socket, _SET_FLAGS, _REQUEST.pack(b"lo", flags | _UP))
    return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)


def _is_unused() -> bool:
    """Whether this thread's namespace has no socket, no closed connection and no packet of earlier tasks."""
    sockets = _read("/proc/thread-self/net/sockstat")
    if not all(f"\n{line}" in f"\n{sockets}" for line in _UNUSED_SOCKETS):
        return False
    interfaces = [line.partition(":") for line in _read("/proc/thread-self/net/dev").splitlines()[2:]]
    return all(not any(map(int, counts.split())) for _, _, counts in interfaces)


def _read(path: str) -> str:
    with open(path) as file:  # noqa: PTH123  for each task
        return file.read()
