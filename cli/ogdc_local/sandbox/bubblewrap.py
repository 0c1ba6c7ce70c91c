"""Tasks in their own mount, process, IPC and network namespaces, by bubblewrap.

Run by an ordinary user, bubblewrap makes a user namespace and drops every capability. Run by root it needs
none, and setpriv inside becomes an ordinary user before the task begins: in a user namespace, host root's
files would stay readable. Only a container that fetches inputs shares the machine's network, and with it its
loopback and its abstract sockets.

Source: bwrap(1), setpriv(1).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from socket import socket
from types import MappingProxyType

from ogdc_local.sandbox.base import CERTIFICATE_VARIABLES, MAX_PROCESSES, Container, Mount, RunningTask
from ogdc_local.sandbox.bubblewrap_task import BubblewrapTask, end_stranded
from ogdc_local.sandbox.cgroups import Cgroups, Group
from ogdc_local.sandbox.few_mounts import FewMounts
from ogdc_local.sandbox.forking import HOLDER, ForkServer
from ogdc_local.sandbox.interpreter import WORKER, read_only_paths, worker_command
from ogdc_local.sandbox.programs import Programs
from ogdc_local.sandbox.spare_networks import SpareNetworks
from ogdc_local.sandbox.syscalls import open_filter, system_call_filter
from ogdc_shared.layout import COMMAND_VARIABLE, GATE, IMAGE
from ogdc_shared.servers.proxies import PROXY_VARIABLES
from ogdc_shared.tls import ca_file_of

_ROOT_DIRECTORIES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = ("alternatives", "ca-certificates", "fonts", "ld.so.cache", "pki", "ssl")
"""Directories that commands look into, and a file whose time of change stands for the libraries there are
(`ogdc_worker.reuse.programs`). For each mount bubblewrap reads the table of all of the machine's."""
_ETC_FILES = (
    *("group", "host.conf", "hosts", "localtime", "nsswitch.conf", "passwd", "protocols", "resolv.conf"),
    "services",
)
"""Files that they look into; each task has them as they are when it starts."""
_PASSED_ON = (*PROXY_VARIABLES, *CERTIFICATE_VARIABLES, "TZ")
_CERTIFICATE_PLACES = ("/usr", "/etc/ssl", "/etc/pki", "/etc/ca-certificates")
_SYSTEM_ONLY = Programs()
_NO_FILES: Mapping[int, str] = MappingProxyType({})
_SHARED_MEMORY = 64 * 2**20
"""Bytes of /dev/shm, which is memory that belongs to no process: as much as a container of a cluster has."""
_KEPT_CAPABILITIES = tuple(
    word for name in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{name}")
)
"""What setpriv needs to give everything up."""
_LOCALE: Mapping[str, str] = MappingProxyType({"LANG": "C.UTF-8"})


class Bubblewrap:
    """Starts tasks with one `bwrap` executable."""

    name = "bubblewrap"
    slots = None
    has_gates = True
    has_images = False

    def __init__(
        self,
        executable: Path,
        *,
        environ: Mapping[str, str],
        drop_to: int | None,
        programs: Programs = _SYSTEM_ONLY,
        cgroups: Cgroups | None = None,
    ) -> None:
        """Examine the machine; nothing is started.

        Args:
            executable: A bwrap of version 0.5 or later.
            environ: The environment that proxy and certificate settings are taken from.
            drop_to: The uid and gid of tasks, or None if the engine is not run by root.
            programs: Programs for commands besides the system's own.
            cgroups: Where a cgroup is created for each task, or None if that is not possible.
        """
        self.owner = drop_to
        self._environ = {name: environ[name] for name in _PASSED_ON if environ.get(name)}
        if bundle := ca_file_of(environ):
            self._environ.setdefault("SSL_CERT_FILE", bundle)  # the only one that OpenSSL itself heeds
        self._isolated = (str(executable), *_isolation(drop_to))
        self._machine = tuple(_machine())
        self._over_mounts = (*_python(), *self._certificates(), *_shown(programs))
        """Comes after the task's own mounts: a Python below /tmp would be hidden by the task's /tmp."""
        self._shown = tuple(_sources(*self._machine, *self._over_mounts))
        self._few_mounts = FewMounts(executable)
        self._networks = SpareNetworks()
        self._path = programs.path
        self._cgroups = cgroups
        self._filter = system_call_filter(counted=cgroups is not None)
        self._environ |= {f"{COMMAND_VARIABLE}{name}": value for name, value in programs.variables.items()}
        self._identity = () if drop_to is None else _setpriv(drop_to)
        self._server = ForkServer(uid=drop_to, system_calls=self._filter, environ=_LOCALE)

    def start(self, container: Container, *, log: int, mark: int | None = None) -> RunningTask:
        """See `Sandbox`."""
        group = self._group(container)
        if group is not None:
            events = (Mount(file, target, writable=False) for file, target in group.events())
            container = container._replace(mounts=(*container.mounts, *events))
        status, status_writer = os.pipe()
        calls = open_filter(self._filter)
        gate = () if container.gate is None else (container.gate,)
        holder: socket | None = None
        try:
            holder = self._ask_for_worker(container, group, log=log, mark=mark, reports=status_writer)
            with _open_files() as files, self._networks.entered(is_wanted=not container.network) as network:
                is_forked = holder is not None
                command = self.command(
                    container,
                    status_fd=status_writer,
                    calls_fd=calls,
                    files=files,
                    is_forked=is_forked,
                    has_network=network is not None,
                )
                shown = [*self._shown, *(str(mount.source) for mount in container.mounts)]
                words = command
                # A user's own commands may trace what holds their sandbox; root's may not.
                if group is not None and not (is_forked and self.owner is not None):
                    words = group.entering(command)
                    shown.append(str(group.path))
                with self._few_mounts.entered(shown):
                    process = subprocess.Popen(
                        words,
                        stdin=subprocess.DEVNULL if mark is None else mark,
                        stdout=log if holder is None else holder.fileno(),
                        stderr=log,
                        pass_fds=(status_writer, calls, *gate, *files),
                        env={},
                    )
        except BaseException:
            os.close(status)
            raise
        finally:
            os.close(status_writer)
            os.close(calls)
            if holder is not None:
                holder.close()
        forked_by = None if holder is None else self._server
        return BubblewrapTask(
            process,
            status,
            command=command,
            group=group,
            forked_by=forked_by,
            on_end=None if network is None else partial(self._networks.leave, network),
        )

    def _ask_for_worker(
        self, container: Container, group: Group | None, *, log: int, mark: int | None, reports: int
    ) -> socket | None:
        """Request a forked worker; return stdout for its sandbox's holder, or None if there is none."""
        is_worker = container.argv[0] == WORKER and container.gate is None
        if not (is_worker and container.may_be_forked and self._server.is_ready()):
            return None
        with ExitStack() as opened:
            if mark is None:
                mark = opened.enter_context(Path(os.devnull).open("rb")).fileno()
            entry = [] if group is None else [opened.enter_context(group.open()).fileno()]
            descriptors = [mark, log, reports, *entry]
            return self._server.ask(container.argv, self._environment(container), descriptors)

    def _group(self, container: Container) -> Group | None:
        """Make a cgroup for a container that runs a command, if cgroups can be used.

        Entering one takes as long as the rest of a sandbox, and the engine's guard checks every task anyway.
        """
        if self._cgroups is None or _runs_no_command(container):
            return None
        return self._cgroups.make(container.name, memory=container.memory, processes=MAX_PROCESSES)

    def clean(self, scratch: Path) -> None:
        """See `Sandbox`."""
        self._server.close()
        self._few_mounts.close()
        self._networks.close()
        end_stranded(scratch)
        if self._cgroups is not None:
            self._cgroups.clear()

    def command(
        self,
        container: Container,
        *,
        status_fd: int,
        calls_fd: int | None = None,
        files: Mapping[int, str] = _NO_FILES,
        is_forked: bool = False,
        has_network: bool = False,
    ) -> list[str]:
        """Return the whole command line of a task.

        Args:
            container: The task.
            status_fd: Descriptor to which bubblewrap writes its status.
            calls_fd: Descriptor from which it reads the system call filter, or None for no filter.
            files: Descriptors of files that bubblewrap copies, with their target paths.
            is_forked: Whether the worker is forked elsewhere; bubblewrap then only holds the sandbox for it.
            has_network: Whether it is started in the network namespace that the task is to have.
        """
        env = {} if is_forked else self._environment(container)
        command, *arguments = container.argv
        inside = worker_command(tuple(arguments)) if command == WORKER else container.argv
        return [
            *self._isolated,
            *(("--as-pid-1",) if is_forked else ()),  # the worker adopts and reaps orphans itself
            *(() if is_forked or self.owner is None else _KEPT_CAPABILITIES),
            *self._machine,
            *(word for fd, path in files.items() for word in ("--perms", "0644", "--file", str(fd), path)),
            *(() if container.network or has_network else ("--unshare-net",)),
            *(() if calls_fd is None or not self._filter else ("--seccomp", str(calls_fd))),
            *_mounts(container.mounts),
            *self._over_mounts,
            *("--remount-ro", "/", "--remount-ro", "/dev"),
            *(word for name, value in env.items() for word in ("--setenv", name, value)),
            *("--json-status-fd", str(status_fd), "--"),
            *(HOLDER if is_forked else (*self._identity, *inside)),
        ]

    def _environment(self, container: Container) -> dict[str, str]:
        env = {"PATH": self._path, "HOME": "/tmp", **_LOCALE, **self._environ, **container.env}  # noqa: S108
        if container.gate is not None:
            env[GATE] = str(container.gate)
        env.pop(IMAGE, None)  # what runs here is this machine's own
        return env

    def _certificates(self) -> Iterator[str]:
        for name in CERTIFICATE_VARIABLES:
            path = Path(self._environ.get(name, "/nowhere"))
            if path.exists() and not any(path.is_relative_to(place) for place in _CERTIFICATE_PLACES):
                yield from _visible(path)


def _runs_no_command(container: Container) -> bool:
    """Whether it is the worker at a task that runs nothing of a recipe, such as `publish`."""
    return container.argv[0] == WORKER and container.argv[1:2] != ("process",)


def _isolation(drop_to: int | None) -> Iterator[str]:
    yield from ("--die-with-parent", "--new-session", "--clearenv", "--chdir", "/")
    yield from ("--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try")
    yield from ("--cap-drop", "ALL")
    if drop_to is None:
        yield "--unshare-user"


def _setpriv(uid: int) -> tuple[str, ...]:
    return (
        *("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"),
        *("--bounding-set=-all", "--inh-caps=-all"),
    )


def _machine() -> Iterator[str]:
    """What every task sees of this machine, all of it read-only."""
    yield from ("--ro-bind", "/usr", "/usr")
    for path in (Path("/", name) for name in _ROOT_DIRECTORIES):
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    yield from ("--perms", "0755", "--dir", "/etc")
    for path in (Path("/etc", name) for name in _ETC):
        if path.exists():
            yield from ("--ro-bind", os.path.realpath(path), str(path))
    yield from ("--proc", "/proc", "--dev", "/dev")
    yield from ("--perms", "1777", "--size", str(_SHARED_MEMORY), "--tmpfs", "/dev/shm")  # noqa: S108
    yield from ("--dir", "/run", "--perms", "0755", "--dir", "/var", "--symlink", "../tmp", "/var/tmp")  # noqa: S108


@contextmanager
def _open_files() -> Iterator[dict[int, str]]:
    """Open the files that a task finds in /etc, those of them that there are, while the block lasts."""
    opened: dict[int, str] = {}
    try:
        for path in (f"/etc/{name}" for name in _ETC_FILES):
            with suppress(FileNotFoundError, PermissionError):
                opened[os.open(path, os.O_RDONLY | os.O_CLOEXEC)] = path
        yield opened
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _python() -> Iterator[str]:
    for path in read_only_paths():
        if not path.is_relative_to("/usr"):
            yield from _visible(path)


def _shown(programs: Programs) -> Iterator[str]:
    there = read_only_paths()
    for path in programs.shown:
        if not any(path.is_relative_to(place) for place in there):
            yield from _visible(path, bind="--ro-bind-try")  # somebody may remove it while the stack is up


def _sources(*words: str) -> Iterator[str]:
    """Yield the paths that these words of a command line show."""
    for word, following in pairwise(words):
        if word in {"--ro-bind", "--ro-bind-try"}:
            yield following


def _visible(path: Path, *, bind: str = "--ro-bind") -> Iterator[str]:
    """Show a file or directory read-only at its own place.

    The directories above it are made here and open to all: bubblewrap would make them 0700, which a Python
    below /root would not survive.
    """
    for parent in reversed(path.parents[:-1]):
        yield from ("--perms", "0755", "--dir", str(parent))
    yield from (bind, str(path), str(path))


def _mounts(mounts: tuple[Mount, ...]) -> Iterator[str]:
    for mount in sorted(mounts, key=lambda m: m.target):
        yield from _parents(mount.target)
        yield from ("--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target)


@cache
def _parents(target: str) -> tuple[str, ...]:
    """What makes the directories above a mount, where this does not look after them anyway."""
    parents = [str(parent) for parent in reversed(Path(target).parents[:-1])]
    made = [parent for parent in parents if parent not in {"/dev", "/tmp", "/var", "/run"}]  # noqa: S108
    return tuple(word for parent in made for word in ("--perms", "0755", "--dir", parent))
