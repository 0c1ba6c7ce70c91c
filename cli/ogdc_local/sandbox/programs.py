"""Programs on the user's PATH that tasks can also use: from conda, modules, `~/.local/bin`.

A directory of programs is mounted with its prefix (`bin` with `lib` and `share`), at its own path and
read-only. A home directory itself, or a parent of it or of the stack's state, is never mounted. /usr is
mounted anyway.

Source: "Managing environments" in conda's documentation; pyvenv.cfg in that of Python's `venv`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_SYSTEM = tuple(map(Path, SYSTEM_PATH.split(":")))
_THERE = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib64")))
_BIN = frozenset({"bin", "sbin"})
_PREFIX_MARKS = ("conda-meta", "pyvenv.cfg", "lib", "lib64", "share")
_USELESS = re.compile(r"/shims$|^/snap/|^/mnt/[a-z](/|$)")
"""Shims that need tools in the home directory, programs of snapd, and Windows programs."""
_OF_GDAL = ("GDAL_DATA", "GDAL_DRIVER_PATH", "PROJ_DATA", "PROJ_LIB")
_OF_PYTHON = ("PYTHONPATH",)
_OF_OTHERS = ("LD_LIBRARY_PATH", "CONDA_PREFIX", "JAVA_HOME", "R_HOME", "R_LIBS", "R_LIBS_SITE", "PERL5LIB")
VARIABLES = (*_OF_GDAL, *_OF_PYTHON, *_OF_OTHERS)
"""Variables of the user's that lead programs to their files."""
_MAX_LINKS = 2000
"""Maximum number of links in a directory that are followed to find other directories to mount."""


class Programs(NamedTuple):
    """What commands find in addition to the system's programs."""

    path: str = SYSTEM_PATH
    """Their PATH."""
    shown: tuple[Path, ...] = ()
    """Directories to mount read-only; none is inside another."""
    variables: Mapping[str, str] = MappingProxyType({})
    """Further environment variables that refer to these directories."""


def user_programs(environ: Mapping[str, str], *, private: Iterable[Path]) -> Programs:
    """Select which of the user's programs to mount.

    The order of PATH is kept. The virtual environment of ogdc-runner itself comes last, since its Python was
    not chosen for recipes.

    Args:
        environ: The user's environment.
        private: Directories that tasks must not see, such as the home and the stack's state.
    """
    hidden = tuple(path.resolve() for path in private)
    found = [path for path in _directories(environ.get("PATH", "")) if not _holds(path, hidden)]
    shown = _outermost(place for directory in found for place in _needed(directory, hidden))
    path = os.pathsep.join(map(str, _in_order(found)))
    return Programs(path, shown, dict(_variables(environ, path=path, shown=shown)))


def _directories(path: str) -> Iterator[Path]:
    """Yield the existing and usable directories of a PATH, without duplicates."""
    for name in dict.fromkeys(path.split(os.pathsep)):
        if name.startswith("/") and not _USELESS.search(name) and os.access(name, os.R_OK | os.X_OK):
            yield Path(os.path.normpath(name))


def _in_order(directories: list[Path]) -> list[Path]:
    own = Path(sys.prefix, "bin") if sys.prefix != sys.base_prefix else None
    rest = [path for path in _SYSTEM if path not in directories]
    last = [path for path in directories if own is not None and path == own]
    return [*(path for path in directories if path not in last), *rest, *last]


def _needed(directory: Path, hidden: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the directories to mount for the programs of a directory."""
    for place in dict.fromkeys((directory, *_linked(directory))):
        if not _is_there(place):
            prefix = _prefix(place, hidden)
            yield prefix
            yield from _base_python(prefix, hidden)


def _linked(directory: Path) -> Iterator[Path]:
    """Yield the targets of the links in a directory, and the directory itself."""
    yield directory.resolve()
    if _is_there(directory) and not directory.is_relative_to("/usr/local"):
        return
    with suppress(OSError), os.scandir(directory) as entries:
        links = [entry.path for entry in entries if entry.is_symlink()]
        for link in links[:_MAX_LINKS]:
            target = Path(os.path.realpath(link))
            if target.is_file():
                yield target.parent


def _prefix(directory: Path, hidden: tuple[Path, ...]) -> Path:
    """Return the prefix of the installation that a directory belongs to; the directory itself if none."""
    parent = directory.parent
    if directory.name not in _BIN or parent.name == ".local" or _holds(parent, hidden):
        return directory
    return parent if any((parent / mark).exists() for mark in _PREFIX_MARKS) else directory


def _base_python(prefix: Path, hidden: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the Python installation that a virtual environment is based on."""
    with suppress(OSError):
        for line in (prefix / "pyvenv.cfg").read_text().splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "home" and not _is_there(base := Path(value.strip()).resolve()):
                yield _prefix(base, hidden)


def _variables(
    environ: Mapping[str, str], *, path: str, shown: tuple[Path, ...]
) -> Iterator[tuple[str, str]]:
    """Yield variables that refer to mounted directories; those of GDAL and Python only for the one found."""
    for names, program in ((_OF_GDAL, "gdalinfo"), (_OF_PYTHON, "python3"), (_OF_OTHERS, None)):
        first = shutil.which(program, path=path) if program else None
        for name in names:
            places = [place for place in environ.get(name, "").split(os.pathsep) if place]
            kept = [place for place in places if _fits(Path(place), first, shown)]
            if kept:
                yield name, os.pathsep.join(kept)


def _fits(place: Path, program: str | None, shown: tuple[Path, ...]) -> bool:
    around = [prefix for prefix in shown if place.is_relative_to(prefix) and place.exists()]
    return bool(around) and (program is None or Path(program).is_relative_to(around[0]))


def _outermost(places: Iterable[Path]) -> tuple[Path, ...]:
    every = set(places)
    return tuple(sorted(place for place in every if every.isdisjoint(place.parents)))


def _is_there(path: Path) -> bool:
    return any(path.is_relative_to(place) for place in _THERE)


def _holds(path: Path, hidden: tuple[Path, ...]) -> bool:
    """Whether a directory is, or contains, one that tasks must not see."""
    return any(place.is_relative_to(path) for place in hidden)
