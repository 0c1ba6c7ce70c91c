"""Paths in the state directory of a local stack."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ogdc_local.errors import StackError
from ogdc_local.settings import StackSettings
from ogdc_shared.variables import read_variable

_SOCKET_PARENT_LIMIT = 80
"""In bytes. The path of a socket is limited to 104 or 108, and `/run/.s.PGSQL.5432.lock` takes 23."""
_PLAIN = re.compile(r"[\w./+@=~-]+", re.ASCII)
_LOG_LIMIT = 10 * 1024 * 1024
_MAX_STATE_BYTES = 65_536
_AS_IT_IS = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags that neither block on a pipe nor follow a link."""


class StatePaths(NamedTuple):
    """Paths of everything a stack writes, below one directory that only its user can enter."""

    root: Path

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> StatePaths:
        """Use OGDC_STATE_DIR, else `ogdc-runner` below the XDG data directory.

        Source: XDG Base Directory Specification 0.8: a relative path counts as not set.
        """
        env = os.environ if environ is None else environ
        if chosen := read_variable(StackSettings, "state_directory", env):
            return cls(Path(chosen).expanduser().resolve())
        data_home = Path(env.get("XDG_DATA_HOME", ""))
        if not data_home.is_absolute():
            data_home = Path.home() / ".local" / "share"
        return cls(data_home.resolve() / "ogdc-runner")

    @property
    def label(self) -> str:
        """Identifies this stack on the machine where its path would be too long."""
        from hashlib import sha256

        return sha256(os.fsencode(self.root)).hexdigest()[:16]

    @property
    def lock(self) -> Path:
        """Locked (flock) while the stack is running; contains its process id."""
        return self.root / "lock"

    @property
    def record(self) -> Path:
        """Facts about the running stack; exists from when it is ready until it starts to stop."""
        return self.root / "stack.json"

    @property
    def idle_timeout(self) -> Path:
        """The idle timeout in seconds, or `never`; its mtime is when the stack was last requested."""
        return self.root / "idle"

    @property
    def reserve(self) -> Path:
        """Reserves space that the stack needs when the disk is full."""
        return self.root / "reserve"

    @property
    def port(self) -> Path:
        """The last port, which is used again so that links and settings survive a restart."""
        return self.root / "port"

    @property
    def signing_key(self) -> Path:
        """Key for artifact links."""
        return self.root / "signing.key"

    @property
    def artifacts(self) -> Path:
        """The artifact store."""
        return self.root / "artifacts"

    @property
    def volume(self) -> Path:
        """Directory of the workflow claim, with the published data."""
        return self.root / "volume"

    @property
    def input_cache(self) -> Path:
        """The cache of inputs."""
        return self.root / "cache"

    @property
    def engine_store(self) -> Path:
        """The engine's database."""
        return self.root / "engine.sqlite"

    @property
    def tasks(self) -> Path:
        """Directory for the engine's running tasks."""
        return self.root / "tasks"

    @property
    def logs(self) -> Path:
        """Logs of the engine's tasks."""
        return self.root / "logs"

    @property
    def stack_log(self) -> Path:
        """Log of the stack's process."""
        return self.root / "stack.log"

    @property
    def postgres_log(self) -> Path:
        """Log of PostgreSQL."""
        return self.root / "postgres.log"

    def postgres_data(self, major: int) -> Path:
        """Return the data directory of a major version of PostgreSQL; other versions cannot read it."""
        return self.root / f"pg-{major}"

    def create(self) -> None:
        """Create the directories.

        Raises:
            StackError: the state directory cannot be created, or belongs to another user.
        """
        try:
            private_dir(self.root, parents=True)
            for directory in (self.artifacts, self.volume, self.logs):
                directory.mkdir(exist_ok=True)
        except OSError as exc:
            raise StackError(
                f"The state directory {self.root} cannot be made: {exc.strerror or exc}. "
                "Mend it, or set OGDC_STATE_DIR to a directory of your own."
            ) from exc

    @property
    def _socket_parent(self) -> Path:
        """A private directory with a short and simple path: the root if possible.

        PostgreSQL and libpq treat commas and quotes in a path as separators.

        XDG_RUNTIME_DIR is not suitable, since it is removed when the user logs out while the stack keeps
        running.
        """
        if len(os.fsencode(self.root)) <= _SOCKET_PARENT_LIMIT and _PLAIN.fullmatch(str(self.root)):
            return self.root
        return Path(f"/tmp/ogdc-{os.geteuid()}-{self.label}")  # noqa: S108  verified to be ours alone

    def socket_dir(self) -> Path:
        """Create and return the directory of PostgreSQL's socket."""
        private_dir(self._socket_parent)
        directory = self._socket_parent / "run"
        # Its owner may be PostgreSQL's user; the parent keeps others out.
        directory.mkdir(mode=0o700, exist_ok=True)
        return directory

    @property
    def egress(self) -> Path:
        """Path of the socket for network access of commands."""
        private_dir(self._socket_parent)
        return self._socket_parent / "egress"

    def remove_socket_dir(self) -> None:
        """Remove the socket directory if it is outside the root."""
        import shutil

        if self._socket_parent != self.root:
            shutil.rmtree(self._socket_parent, ignore_errors=True)


def private_dir(path: Path, *, parents: bool = False) -> None:
    """Create a directory that only this user can enter, or check that it is one.

    Raises:
        StackError: the path belongs to another user.
    """
    path.mkdir(mode=0o700, parents=parents, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise StackError(
            f"{path} is not a directory of yours (it belongs to user id {found.st_uid}). "
            "Remove it, or set OGDC_STATE_DIR to a directory of your own."
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)


def set_aside(path: Path) -> Path:
    """Rename a damaged path and its companion files, and return the new path."""
    mark = time.strftime("damaged-%Y%m%dT%H%M%S")
    for part in (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm"), path):
        if part.exists():
            part.rename(part.with_name(f"{mark}-{part.name}"))
    return path.with_name(f"{mark}-{path.name}")


def read_state(path: Path) -> str:
    """Read a small file of the state safely.

    Raises:
        OSError: it does not exist, or is not a regular file, such as a pipe, which would block.
        ValueError: it is not text.
    """
    descriptor = os.open(path, os.O_RDONLY | _AS_IT_IS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is not a file", str(path))
        return os.read(descriptor, _MAX_STATE_BYTES).decode()
    finally:
        os.close(descriptor)


def open_state(path: Path) -> int:
    """Open a file of the state for reading and writing; create it if needed.

    Raises:
        StackError: it is not a regular file.
        FileNotFoundError: its directory does not exist.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _AS_IT_IS, 0o600)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise StackError(f"{path} cannot be opened: {exc.strerror}. Remove it.") from exc
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StackError(f"{path} is not a file. Remove it.")
    return descriptor


def write_private(path: Path, text: str) -> None:
    """Write a file atomically, readable only for this user; it may be lost in a power cut."""
    from ogdc_shared.storage.files import replacing

    with replacing(path, sync=False, sync_name=False) as file:  # its mode is 0600
        file.write(text.encode())


def open_log(path: Path) -> int:
    """Open a log for appending and return its descriptor.

    If it is larger than 10 MiB, or not a regular file, it is renamed to `<name>.1` first.
    """
    with suppress(FileNotFoundError):
        found = path.lstat()
        if found.st_size > _LOG_LIMIT or not stat.S_ISREG(found.st_mode):
            path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
