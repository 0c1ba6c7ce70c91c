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
"""Libraries that the worker imports besides the standard library."""


def worker_command(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command line for `ogdc-worker` with `arguments`.

    `-I -S` skips site and its .pth files, which take most of an interpreter's start-up time. The module path
    is set in the program text instead of PYTHONPATH, since a recipe's commands inherit the environment and
    may use another version of Python. Garbage collection is off, since tasks are short.
    """
    return (*_python("from ogdc_worker.__main__ import main; sys.exit(main())"), *arguments)


def fork_server_command() -> tuple[str, ...]:
    """Return the beginning of the fork server's command line; see `ogdc_worker.forked.server`."""
    return _python("from ogdc_worker.forked.server import serve; serve()")


def _python(program: str) -> tuple[str, ...]:
    paths = [str(path) for path in module_paths()]
    beginning = f"import gc, sys; gc.disable(); sys.path += {paths!r}; sys.argv[0] = {WORKER!r}; "
    return (str(interpreter()), "-I", "-S", "-u", "-c", beginning + program)


@cache
def interpreter() -> Path:
    """Return the path of the interpreter, with links of a virtual environment resolved."""
    return Path(os.path.realpath(sys.executable))


@cache
def module_paths() -> tuple[Path, ...]:
    """Return the directories that the worker imports from: this distribution's and its libraries'."""
    packages = [Path(ogdc_shared.__path__[0]), *(_package_of(name) for name in _LIBRARIES)]
    return tuple(dict.fromkeys(package.resolve().parent for package in packages))


def read_only_paths() -> tuple[Path, ...]:
    """Return the directories that `worker_command` needs at their own paths; none is inside another."""
    paths = {Path(sys.base_prefix).resolve(), interpreter().parent, *module_paths()}
    return tuple(sorted(path for path in paths if paths.isdisjoint(path.parents)))


def compile_worker() -> None:
    """Write the worker's bytecode, which tasks cannot do, since their sandbox is read-only."""
    shared = Path(ogdc_shared.__path__[0])
    compileall.compile_dir(str(shared), maxlevels=0, quiet=2)
    for package in (shared / "servers", shared.with_name("ogdc_worker")):
        compileall.compile_dir(str(package), quiet=2)


def _package_of(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed; install ogdc-runner again.", name=name)
    return Path(spec.origin).parent
