"""Finding the user at the other end of a local TCP connection."""

from __future__ import annotations

import os
import socket
import struct
import sys

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_ANSWER_TAIL = struct.Struct("=IIIII")
_TAIL_OFFSET = _HEADER.size + 4 + 48


def may_connect(client: tuple[str, int], server: tuple[str, int]) -> bool:
    """Whether the client of an IPv4 connection is this user or root.

    Any account on the machine can connect to a port on 127.0.0.1; this keeps others from running recipes as
    the stack's user. True if the system cannot tell (anything but Linux).
    """
    if not sys.platform.startswith("linux"):
        return True
    try:
        uid = _socket_user(client, server)
    except OSError:  # sock_diag is missing in the kernel or blocked by a container's filter
        return True
    return uid is not None and uid in {0, os.geteuid()}


def _socket_user(client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """Ask the kernel for the user of the client's socket; None if it is already closed.

    Source: sock_diag(7), `inet_diag_req_v2` and `inet_diag_msg`.
    """
    identity = b"".join(
        (
            struct.pack("!HH", client[1], server[1]),
            socket.inet_aton(client[0]).ljust(16, b"\0"),
            socket.inet_aton(server[0]).ljust(16, b"\0"),
            struct.pack("=I", 0),
            b"\xff" * 8,  # no cookie
        )
    )
    request = _REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + identity
    header = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(1.0)
        netlink.send(header + request)
        answer = netlink.recv(8192)
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind != _SOCK_DIAG_BY_FAMILY:
        return None
    *_, uid, inode = _ANSWER_TAIL.unpack_from(answer, _TAIL_OFFSET)
    # A socket without an inode has been closed, and its user is reported as root.
    return uid if inode else None
