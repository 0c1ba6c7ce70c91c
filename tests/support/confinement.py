"""Scripts that exit with 0 if a task's command can do something that it must not be able to do.

Tests replace SECRET by a directory of the machine. /mnt/data is read-only and contains a file.
"""

from __future__ import annotations

import os
from pathlib import Path

HIDDEN = next((path for path in Path.home().iterdir() if path.is_file()), "/home/*/*")
FORBIDDEN = {
    "and cannot write to them": "for d in /usr /usr/bin /etc /opt; do touch $d/x && exit 0; done; exit 1",
    "cannot see your home, the state directory": f"ls {HIDDEN} || ls SECRET",
    "reads volumes that contain inputs, and cannot write": "cat /mnt/data/file || exit 0; touch /mnt/data/x",
    "cannot see or signal processes of other tasks or of the machine": (
        f"kill -0 {os.getpid()} || ls /proc/{os.getppid()}/cwd"
    ),
    "gains none": "unshare --mount true || setpriv --reuid=0 true || mount -t tmpfs x /tmp",
    "cannot use the kernel's keyrings": (
        "python3 -c 'import ctypes, platform\n"
        'add = {"x86_64": 248, "aarch64": 217}[platform.machine()]\n'
        """exit(ctypes.CDLL(None).syscall(add, b"user", b"left", b"x", 1, -3) < 0)'"""
    ),
    "cannot create user namespaces": "unshare --user true || unshare --map-root-user true",
    "can only open IP, Unix and netlink sockets": (
        "python3 -c 'import socket; socket.socket()' || exit 0; "
        'for f in 40 31 38; do python3 -c "import socket; socket.socket($f, 1)" && exit 0; done; exit 1'
    ),
    "cannot use io_uring": (
        "python3 -c 'import ctypes; exit(ctypes.CDLL(None).syscall(425, 1, bytes(120)) < 0)'"
    ),
    "sees none of your variables": "env | grep -q SECRET",
    "reaches its own loopback interface and nothing else": "grep -v -e lo: -e face -e Inter- /proc/net/dev",
    "cannot reach the machine's Unix sockets": (
        "find /run/ /var/run/ /tmp /var/tmp /mnt /home -type s 2>/dev/null | grep -q ."
    ),
    "64 MiB of `/dev/shm`": "head -c 65M /dev/zero > /dev/shm/x",
}
