"""What stands for the programs that commands find: the image, as far as its name goes, and what is in it.

A name may be given to another image, and on one machine there is none: programs are those of the system, of
conda, of the user's own directories. Nobody can read all of them for each task. So looked at is what changes
when programs do: the variables that lead to them, the directories that package managers write to, every file
in directories of the user's own, and the programs that the commands name.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.digests import digest
from ogdc_shared.layout import COMMAND_VARIABLE, IMAGE, INPUT_DIR, OUTPUT_DIR
from ogdc_shared.walking import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    _State = tuple[int, int, int] | None

_VARIABLES = frozenset({"PATH", "LANG", "TZ", "OMP_NUM_THREADS"})
_FAMILIES = ("LC_", "GDAL", "PROJ", "OGR", "CPL", "PYTHON", "R", "PERL", "JAVA", "CONDA", "LD")
"""Names of variables, and what such names begin with, that say which programs are found, and how they go
about it."""
_IN_WORDS = "_.+/@-"
"""Beside letters and digits."""
_SYSTEM = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
_LIBRARIES = (
    *("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/lib/python3/dist-packages", "/usr/share/gdal"),
    *("/usr/share/proj", "/var/lib/dpkg/status", "/lib/apk/db/installed", "/var/lib/rpm", "/etc/ld.so.cache"),
)
_IN_PREFIX = ("conda-meta", "lib", "share/gdal", "share/proj")
_DATA = (f"{INPUT_DIR}/", f"{OUTPUT_DIR}/")
"""What commands hand on: the key has it by inputs and commands, and it is there only once they ran."""
_INSTALLED = (".dist-info", ".egg-info", ".pth", ".so")
"""Ends of what installing a package, or another version of it, makes anew beside it."""
_OWN = ("ogdc_shared", "ogdc_visualization")
_MAX_FILES = 5000
"""Of one directory of the user's own."""


class Programs:
    """The programs that commands find, as they are now."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Look at nothing yet.

        Args:
            environ: The task's environment.
        """
        self._environ = _seen(environ)
        self._image = environ.get(IMAGE, "")
        self._path = [each for each in self._environ.get("PATH", os.defpath).split(os.pathsep) if each]
        self._seen: list[tuple[str, _State]] = []

    def all_digest(self) -> str:
        """The digest of what stands for all of them."""
        machine = os.uname().machine
        paths = [*_LIBRARIES, f"/usr/lib/{machine}-linux-gnu"]
        for directory in self._path:
            paths += _directory(directory)
        self._seen = [(path, _state(path)) for path in dict.fromkeys(paths)]
        return _digest(
            [
                f"{machine} {sys.version} {self._image}",
                *sorted(f"{name}={value}" for name, value in self._environ.items()),
                *(_line(path, state) for path, state in self._seen),
            ]
        )

    def are_unchanged(self) -> bool:
        """Whether what the digest of all stands for is as it was: of what is new, its directory tells."""
        return all(_state(path) == state for path, state in self._seen)

    def named_digest(self, command: str) -> str:
        """The digest of what stands for the programs, and files by whole paths, that a command names."""
        words = sorted(set("".join(c if c.isalnum() or c in _IN_WORDS else " " for c in command).split()))
        return _digest([line for word in words for line in _named(word, self._path)])

    def own_digest(self) -> str:
        """The digest of what stands for programs of this distribution, which the worker's own Python runs.

        That is what they are written in, and which versions of what they import are installed.
        """
        places = [place for place in sys.path if os.path.isdir(place)]
        return _digest([line for place in places for line in (place, *sorted(_imported(place)))])


def _digest(lines: list[str]) -> str:
    return digest("\n".join(lines).encode(errors="surrogateescape"))


def _seen(environ: Mapping[str, str]) -> dict[str, str]:
    """What commands see of a task's environment, as far as it leads to programs (see `process.command`)."""
    handed = {
        name.removeprefix(COMMAND_VARIABLE): value
        for name, value in environ.items()
        if name.startswith(COMMAND_VARIABLE)
    }
    both = {**environ, **handed}
    return {name: both[name] for name in both if name in _VARIABLES or name.startswith(_FAMILIES)}


def _directory(directory: str) -> Iterator[str]:
    """Yield the paths whose states stand for the programs in a directory."""
    yield directory
    if directory in _SYSTEM:
        return
    above = os.path.dirname(directory.rstrip("/"))
    yield from (f"{above}/{name}" for name in (*_IN_PREFIX, *_python_packages(above)))
    if not os.path.isdir(f"{above}/conda-meta"):
        yield from sorted(_files(directory))


def _python_packages(prefix: str) -> Iterator[str]:
    """Yield the directories that pip installs to in a prefix, relative to it."""
    with suppress(OSError):
        for name in sorted(os.listdir(f"{prefix}/lib")):
            if name.startswith("python"):
                yield from (f"lib/{name}/{each}" for each in ("site-packages", "dist-packages"))


def _files(directory: str) -> Iterator[str]:
    try:
        with os.scandir(directory) as entries:
            for entry, _ in zip(entries, range(_MAX_FILES), strict=False):
                yield entry.path
    except OSError:
        return


def _imported(place: str) -> Iterator[str]:
    """Yield what stands for what Python may import from a directory.

    Directories of packages change with the bytecode in them; so versions are told by what installers write.
    """
    for name in os.listdir(place):
        if name.endswith(_INSTALLED):
            yield name
        elif name in _OWN:
            yield from (
                _line(entry.path, _state(entry.path))
                for _, entry in walk(f"{place}/{name}")
                if _is_source(entry)
            )


def _is_source(entry: os.DirEntry[str]) -> bool:
    return not entry.is_dir() and not entry.name.endswith(".pyc")


def _named(word: str, path: list[str]) -> Iterator[str]:
    """Yield the state of the file that a word names, where it names one."""
    places = [word] if word.startswith("/") else [f"{directory}/{word}" for directory in path]
    if "/" in word.lstrip("/") and not word.startswith("/"):
        return
    if word.startswith(_DATA) and ".." not in word.split("/"):
        return
    for place in places:
        if os.path.isfile(place):
            yield _line(place, _state(place))
            return


def _state(path: str) -> _State:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_mode


def _line(path: str, state: _State) -> str:
    return f"{path} {state[0]} {state[1]} {state[2]:o}" if state else f"{path} -"
