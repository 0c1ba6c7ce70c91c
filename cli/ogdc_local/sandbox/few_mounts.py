"""A mount namespace without the mounts that no sandbox needs, for bubblewrap to start in.

Bubblewrap reads the table of all mounts once for each mount that it makes, some thirty times for a task. A
machine that runs containers has a hundred of them. An engine that root runs therefore keeps a namespace of
its own. It leaves out a mount only if that is neither above, at nor below anything that a task is shown, so a
sandbox that is made there is the same as any other. An ordinary user could only have such a namespace inside
a user namespace, so their engine starts bubblewrap with all mounts.

Source: mount_namespaces(7), setns(2), unshare(2), umount(2), proc_pid_mountinfo(5); proc_pid_mounts(5), which
says what poll(2) is for.
"""

from __future__ import annotations

import logging
import os
import re
import select
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ogdc_local.sandbox.libc import call

_LOG = logging.getLogger(__name__)
_CLONE_FS, _CLONE_NEWNS = 0x200, 0x20000
_MS_REC, _MS_SLAVE = 0x4000, 0x80000
_MNT_DETACH, _UMOUNT_NOFOLLOW = 2, 8
_ALONE = ("/proc", "/tmp", *(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")))  # noqa: S108
"""What bubblewrap itself needs, without what is mounted below it."""
_OWN = "/proc/thread-self/ns/mnt"
_OCTAL = re.compile(rb"\\([0-7]{3})")
_TRIAL_SECONDS = 20


class _Mount(NamedTuple):
    """A mount, as the kernel's table has it."""

    number: bytes
    """Unique among all mounts of the machine."""
    point: str


class FewMounts:
    """A mount namespace that is made anew when the machine's mounts have changed; one thread calls this."""

    def __init__(self, executable: Path) -> None:
        """Store the path; no namespace is created yet.

        Args:
            executable: The bubblewrap executable that is started in the namespace.
        """
        self._executable = str(executable)
        self._own: int | None = None
        self._namespace: int | None = None
        self._table: int | None = None
        """That of the engine's own namespace; poll(2) says whether it has changed since the last call."""
        self._needed: set[str] = set()
        """Points of mounts that something has needed so far."""
        self._left_out: tuple[str, ...] = ()
        """What a path begins with that is in a mount that was left out."""
        self._around: frozenset[str] = frozenset()
        """The points of mounts that were left out, and all directories above them."""
        self._is_given_up = os.geteuid() != 0

    @contextmanager
    def entered(self, sources: Iterable[str]) -> Iterator[None]:
        """Move this thread to the namespace within the block, unless there can be no namespace.

        Args:
            sources: The paths that the process started in the block shows to a task.
        """
        directory = os.open(".", os.O_PATH | os.O_CLOEXEC)
        own = None if self._is_given_up else self._enter({*_real(sources)})
        try:
            yield
        finally:
            try:
                if own is not None:
                    call("setns", own, _CLONE_NEWNS)
                    os.fchdir(directory)
            finally:
                os.close(directory)

    def close(self) -> None:
        """Let go of the namespace; the next use makes another."""
        for descriptor in (self._own, self._namespace, self._table):
            if descriptor is not None:
                os.close(descriptor)
        self._own = self._namespace = self._table = None

    def _enter(self, sources: set[str]) -> int | None:
        """Enter a namespace that has the mounts of these paths, and return a descriptor of the previous one.

        Returns None if the namespace cannot be made or entered; it is then not tried again.
        """
        try:
            if self._namespace is None or self._has_changed() or self._lacks(sources):
                self.close()
                self._table = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
                self._own = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
                with ThreadPoolExecutor(1) as thread:
                    self._namespace = thread.submit(self._make, sources).result()
            call("unshare", _CLONE_FS)  # of the root and working directory, which setns changes
            call("setns", self._namespace, _CLONE_NEWNS)
        except (OSError, subprocess.SubprocessError) as exc:
            _LOG.info("Bubblewrap is started with all of the machine's mounts: %s", exc)
            self._is_given_up = True
            self.close()
        return self._own

    def _has_changed(self) -> bool:
        poll = select.poll()
        if self._table is not None:
            poll.register(self._table, select.POLLPRI)
        return bool(poll.poll(0))

    def _lacks(self, sources: set[str]) -> bool:
        """Whether a mount was left out that is above, at or below one of these paths."""
        is_inside = any(source.startswith(self._left_out) for source in sources)
        return is_inside or not self._around.isdisjoint(sources)

    def _make(self, sources: set[str]) -> int:
        """Make the namespace, in a thread that ends with this, and return a descriptor of it."""
        call("unshare", _CLONE_NEWNS)
        call("mount", None, b"/", None, _MS_REC | _MS_SLAVE, None)  # so that nothing else is unmounted
        alone = {*_real((self._executable, *_ALONE))}
        before = _mounts()
        self._needed |= {mount.point for mount in before if _is_needed(mount.point, sources, alone)}
        dispensable = {mount.point for mount in before} - self._needed
        for mount in reversed(before):
            if mount.point in dispensable:
                with suppress(OSError):  # it is below one that has just gone, or has to stay where it is
                    call("umount2", os.fsencode(mount.point), _MNT_DETACH | _UMOUNT_NOFOLLOW)
        if {mount for mount in before if mount.point in self._needed}.difference(_mounts()):
            raise OSError("a mount that sandboxes need cannot be told from one that they do not")
        self._left_out = tuple(f"{point}/" for point in dispensable)
        self._around = frozenset(
            str(path) for point in dispensable for path in (Path(point), *Path(point).parents)
        )
        _try(self._executable)
        namespace = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            call("setns", self._own, _CLONE_NEWNS)  # root of a user namespace may have no way back
        except OSError:
            os.close(namespace)
            raise
        return namespace


def _try(executable: str) -> None:
    """See whether a program starts where whoever joins this thread's namespace is.

    Raises:
        OSError: its root directory is another one, as that of an engine in a chroot is.
        SubprocessError: the program does not start.
    """
    root = Path("/").stat()
    namespace = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        call("setns", namespace, _CLONE_NEWNS)
    finally:
        os.close(namespace)
    if not os.path.samestat(root, Path("/").stat()):
        raise OSError("the engine's root directory is not that of its mount namespace")
    subprocess.run(
        [executable, "--version"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_TRIAL_SECONDS,
        check=True,
    )


def _is_needed(point: str, sources: set[str], alone: set[str]) -> bool:
    """Whether a mount is above or at one of these paths, or below one of `sources`."""
    inside = f"{point.rstrip('/')}/"
    return any(f"{path}/".startswith(inside) for path in (*sources, *alone)) or any(
        inside.startswith(f"{source.rstrip('/')}/") for source in sources
    )


def _real(paths: Iterable[str]) -> Iterator[str]:
    """Yield where paths lead to; those that do not exist lead nowhere."""
    for path in paths:
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                yield os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115  many for each task
            finally:
                os.close(descriptor)


def _mounts() -> list[_Mount]:
    """The mounts of this thread's namespace, each after the one that it is mounted on."""
    lines = Path("/proc/thread-self/mountinfo").read_bytes().splitlines()
    fields = (line.split(b" ", 5) for line in lines)
    return [_Mount(each[0], os.fsdecode(_OCTAL.sub(_byte, each[4]))) for each in fields]


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes((int(match[1], 8),))
