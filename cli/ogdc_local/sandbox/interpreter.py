"""The stack's own Python inside a sandbox: the directories it needs, and how the worker is started."""

from __future__ import annotations

import compileall
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path

import ogdc_shared

WORKER = "ogdc-worker"
_LIBRARIES = ("urllib3",)
"""What the worker imports beside the standard library."""


def worker_command(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The command line for `ogdc-worker` with `arguments`.

    `-I -S` skips site and its .pth files, most of an interpreter's start-up time. The module path is set in
    the program text and not by PYTHONPATH, since a recipe's commands inherit the environment and may be
    Python of another version. A task is over before it leaves garbage worth looking for.
    """
    return (*_python("from ogdc_worker.__main__ import main; sys.exit(main())"), *arguments)


def fork_server_command() -> tuple[str, ...]:
    """The beginning of the command line of what forks workers; see `ogdc_worker.forked.server`."""
    return _python("from ogdc_worker.forked.server import serve; serve()")


def _python(program: str) -> tuple[str, ...]:
    paths = [str(path) for path in module_paths()]
    beginning = f"import gc, sys; gc.disable(); sys.path += {paths!r}; sys.argv[0] = {WORKER!r}; "
    return (str(interpreter()), "-I", "-S", "-u", "-c", beginning + program)


@cache
def interpreter() -> Path:
    """The interpreter itself, past the links of a virtual environment."""
    return Path(os.path.realpath(sys.executable))


@cache
def module_paths() -> tuple[Path, ...]:
    """Directories the worker imports from: this distribution's (editable or not) and its libraries'."""
    packages = [Path(ogdc_shared.__path__[0]), *(_package_of(name) for name in _LIBRARIES)]
    return tuple(dict.fromkeys(package.resolve().parent for package in packages))


def read_only_paths() -> tuple[Path, ...]:
    """Directories that have to be visible at their own place for `worker_command`; none inside another."""
    paths = {Path(sys.base_prefix).resolve(), interpreter().parent, *module_paths()}
    return tuple(sorted(path for path in paths if paths.isdisjoint(path.parents)))


def compile_worker() -> None:
    """Write the worker's bytecode, which a task cannot do in a sandbox that sees it read-only."""
    shared = Path(ogdc_shared.__path__[0])
    compileall.compile_dir(str(shared), maxlevels=0, quiet=2)
    for package in (shared / "servers", shared.with_name("ogdc_worker")):
        compileall.compile_dir(str(package), quiet=2)


def _package_of(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed; install ogdc-runner again.", name=name)
    return Path(spec.origin).parent
