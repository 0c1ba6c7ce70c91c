"""Detecting which kind of sandbox this machine supports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ogdc_local.sandbox.base import Container, Sandbox
from ogdc_local.sandbox.bubblewrap import Bubblewrap
from ogdc_local.sandbox.cgroups import Cgroups, delegated
from ogdc_local.sandbox.containers import Containers
from ogdc_local.sandbox.interpreter import compile_worker, interpreter
from ogdc_local.sandbox.plain import Plain
from ogdc_local.sandbox.programs import Programs, user_programs
from ogdc_local.settings import StackSettings
from ogdc_shared.errors import ConfigurationError
from ogdc_shared.variables import read_variable

NOBODY = 65534
_TRIAL_SECONDS = 20
_NO_NETWORK_NAMESPACE = (
    "this system allows no network namespaces; without one, commands would reach this machine's own services"
)


def probe(
    *, environ: Mapping[str, str], label: str, uid: int = NOBODY, private: Iterable[Path] = ()
) -> Sandbox:
    """Return the backend given by OGDC_SANDBOX, else the first that works: bubblewrap, docker, podman.

    Each is tested by a real call. Recipes only run without a sandbox if OGDC_SANDBOX=none.

    Args:
        environ: The environment.
        label: Distinguishes this engine's docker containers from others'.
        uid: The uid of tasks if root runs the engine.
        private: Directories that tasks must not see, besides the home.

    Raises:
        ConfigurationError: none works; the message says what was tried and what to install.
    """
    choice = read_variable(StackSettings, "sandbox", environ)
    compile_worker()
    if choice == "none":
        return Plain(environ=environ)
    problems: list[str] = []
    if choice in {"auto", "bubblewrap"}:
        programs = user_programs(environ, private=(Path.home(), *private))
        for sandbox in _bubblewraps(environ, uid, programs, delegated(label=label)):
            problem = _try_bubblewrap(sandbox)
            if problem is not None and _try_bubblewrap(sandbox, network=True) is None:
                problem += f" ({_NO_NETWORK_NAMESPACE})"
            if problem is None:
                return sandbox
            problems.append(problem)
    for name in ("docker", "podman") if choice == "auto" else (choice,):
        executable = shutil.which(name, path=environ.get("PATH"))
        if executable and name != "bubblewrap":
            problem = _try_client(executable)
            if problem is None:
                drop_to = uid if os.geteuid() == 0 else None
                return Containers(Path(executable), environ=environ, label=label, drop_to=drop_to)
            problems.append(problem)
    raise ConfigurationError(_advice(choice, problems))


def _bubblewraps(
    environ: Mapping[str, str], uid: int, programs: Programs, cgroups: Cgroups | None
) -> Iterator[Bubblewrap]:
    """Yield the system's first, since AppArmor profiles name its path, then others."""
    found = (
        Path("/usr/bin/bwrap"),
        shutil.which("bwrap", path=environ.get("PATH")),
        Path(sys.prefix, "bin", "bwrap"),
    )
    drop_to = uid if os.geteuid() == 0 else None
    for executable in dict.fromkeys(Path(path) for path in found if path):
        if sys.platform == "linux" and os.access(executable, os.X_OK):
            yield Bubblewrap(executable, environ=environ, drop_to=drop_to, programs=programs, cgroups=cgroups)


def _try_bubblewrap(sandbox: Bubblewrap, *, network: bool = False) -> str | None:
    """Start the stack's own Python in the sandbox; returns None if it works, else the reason."""
    trial = Container(
        name="probe",
        image="",
        argv=(str(interpreter()), "-I", "-S", "-c", "import json"),
        env={},
        mounts=(),
        network=network,
    )
    return _try(sandbox.command(trial, status_fd=2), env={})


def _try_client(executable: str) -> str | None:
    return _try([executable, "version"], env=None)


def _try(command: list[str], *, env: dict[str, str] | None) -> str | None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TRIAL_SECONDS,
            check=False,
            env=env,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"{command[0]}: {exc}"
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith("{")]
    return (
        None
        if done.returncode == 0
        else f"{command[0]}: {' '.join(lines[-3:]) or f'exit code {done.returncode}'}"
    )


def _advice(choice: str, problems: list[str]) -> str:
    tried = " ".join(f"Tried {problem.rstrip('.')}." for problem in problems) or "None is installed."
    return (
        f"No sandbox to run tasks in (OGDC_SANDBOX={choice}). {tried} Install bubblewrap "
        "(`apt install bubblewrap`, `dnf install bubblewrap`), or start docker or podman. Where bubblewrap "
        "is there and refused, user namespaces are off: see kernel.unprivileged_userns_clone and "
        "kernel.apparmor_restrict_unprivileged_userns. In a throwaway container only, OGDC_SANDBOX=none runs "
        "tasks unprotected, one at a time."
    )
