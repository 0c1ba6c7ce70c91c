"""The state of the programs that commands can run: the name of the image, and indicators of its content.

The name alone is not enough, because it may refer to another image later, and on one machine there is no
image: programs come from the system, conda and the user's own directories. Reading all programs for each task
would take too long. So this looks at what changes when programs do: the variables that lead to them, the
directories that package managers write to, all files in the user's own directories, and the programs that
commands name.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.digests import digest
from ogdc_shared.layout import COMMAND_VARIABLE, IMAGE, INPUT_DIR, OUTPUT_DIR
from ogdc_shared.walking import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_VARIABLES = frozenset({"PATH", "LANG", "TZ", "OMP_NUM_THREADS"})
_FAMILIES = ("LC_", "GDAL", "PROJ", "OGR", "CPL", "PYTHON", "R", "PERL", "JAVA", "CONDA", "LD")
"""Names and prefixes of environment variables that affect which programs are found and how they behave."""
_SEARCHED = ("LD_LIBRARY_PATH", "PYTHONPATH")
"""Variables with directories that libraries and modules are loaded from."""
_IN_WORDS = "_.+/@-"
"""Allowed in words besides letters and digits."""
_SYSTEM = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
_LIBRARIES = (
    *("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/lib/python3/dist-packages", "/usr/share/gdal"),
    *("/usr/share/proj", "/var/lib/dpkg/status", "/lib/apk/db/installed", "/var/lib/rpm", "/etc/ld.so.cache"),
)
_IN_PREFIX = ("conda-meta", "lib", "share/gdal", "share/proj")
_DATA = (f"{INPUT_DIR}/", f"{OUTPUT_DIR}/")
"""Data between commands; inputs and commands in the key cover them, and they exist only after running."""
_INSTALLED = (".dist-info", ".egg-info", ".pth", ".so")
"""Suffixes of files that installing a package, or another version of it, creates."""
_OWN = ("ogdc_shared", "ogdc_visualization")
_MAX_FILES = 5000
"""Maximum number of files in a directory of the user's own."""


class Programs:
    """The state of the programs that commands find."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Store the environment; `look` inspects the programs.

        Args:
            environ: The task's environment.
        """
        self._given = environ
        self._environ = _seen(environ)
        self._image = environ.get(IMAGE, "")
        self._path = [each for each in self._environ.get("PATH", os.defpath).split(os.pathsep) if each]
        self._machine = os.uname().machine
        self._states: list[str] = []
        self._inodes: list[str] = []

    def look(self) -> None:
        """Inspect all of them."""
        self._states, self._inodes = [], []
        self._add([*_LIBRARIES, f"/usr/lib/{self._machine}-linux-gnu"])
        for directory in dict.fromkeys(self._path):
            self._add([directory])
            if directory not in _SYSTEM:
                self._add_own(directory)
        for name in _SEARCHED:
            for directory in filter(None, self._environ.get(name, "").split(os.pathsep)):
                self._add([directory])
                self._add_files(directory)

    def _add_own(self, directory: str) -> None:
        """Add what a package manager changes in the prefix of a directory, or all files in it."""
        above = os.path.dirname(directory.rstrip("/"))
        self._add([f"{above}/{name}" for name in (*_IN_PREFIX, *_python_packages(above))])
        if os.path.isdir(f"{above}/conda-meta"):
            return
        self._add_files(directory)

    def _add_files(self, directory: str) -> None:
        with suppress(OSError):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._add(sorted(os.listdir(descriptor))[:_MAX_FILES], within=descriptor)
            finally:
                os.close(descriptor)

    def _add(self, paths: Iterable[str], within: int | None = None) -> None:
        """Add the states of files, which are in the directory `within`; a task does this for hundreds."""
        for path in paths:
            try:
                status = os.stat(path, dir_fd=within)
            except OSError:
                self._states.append(_line(path, None))
            else:
                self._states.append(_line(path, status))
                self._inodes.append(f"{status.st_ctime_ns} {status.st_ino}")

    def all_digest(self) -> str:
        """Return the digest of their states at the last `look`."""
        return _digest(
            [
                f"{self._machine} {sys.version} {self._image}",
                *sorted(f"{name}={value}" for name, value in self._environ.items()),
                *self._states,
            ]
        )

    def moment(self) -> str:
        """The digest of all their inodes, as they were looked at; empty if they are those of an image.

        Two looks on one machine have the same one only if nothing was changed between them, because no
        program can set the time of change of an inode. Each node unpacks an image anew.
        """
        return "" if self._image else _digest([*self._states, *self._inodes])

    def are_unchanged(self) -> bool:
        """Whether nothing has changed; new files show in the states of their directories."""
        now = Programs(self._given)
        now.look()
        return (now._states, now._inodes) == (self._states, self._inodes)

    def named_digest(self, command: str) -> str:
        """Return the digest of the states of the programs and files (absolute paths) that a command names."""
        words = sorted(set("".join(c if c.isalnum() or c in _IN_WORDS else " " for c in command).split()))
        return _digest([line for word in words for line in _named(word, self._path)])

    def own_digest(self) -> str:
        """Return the digest of this distribution's programs, which the worker's own Python runs.

        It covers their source and the installed versions of their dependencies.
        """
        places = [place for place in sys.path if os.path.isdir(place)]
        return _digest([line for place in places for line in (place, *sorted(_imported(place)))])


def _digest(lines: list[str]) -> str:
    return digest("\n".join(lines).encode(errors="surrogateescape"))


def _seen(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables seen by commands that affect which programs they find (see `process.command`)."""
    both = dict(environ)  # once: os.environ decodes a value each time
    both |= {
        name.removeprefix(COMMAND_VARIABLE): value
        for name, value in both.items()
        if name.startswith(COMMAND_VARIABLE)
    }
    return {name: value for name, value in both.items() if name in _VARIABLES or name.startswith(_FAMILIES)}


def _python_packages(prefix: str) -> Iterator[str]:
    """Yield the directories that pip installs to in a prefix, relative to it."""
    with suppress(OSError):
        for name in sorted(os.listdir(f"{prefix}/lib")):
            if name.startswith("python"):
                yield from (f"lib/{name}/{each}" for each in ("site-packages", "dist-packages"))


def _imported(place: str) -> Iterator[str]:
    """Yield the state of what Python may import from a directory.

    Directories of packages change when bytecode is written, so versions are taken from what installers write.
    """
    for name in os.listdir(place):
        if name.endswith(_INSTALLED):
            yield name
        elif name in _OWN:
            yield from (
                _line(entry.path, _status(entry.path))
                for _, entry in walk(f"{place}/{name}")
                if _is_source(entry)
            )


def _is_source(entry: os.DirEntry[str]) -> bool:
    return not entry.is_dir() and not entry.name.endswith(".pyc")


def _named(word: str, path: list[str]) -> Iterator[str]:
    """Yield the state of the file that a word refers to, if any."""
    places = [word] if word.startswith("/") else [f"{directory}/{word}" for directory in path]
    if "/" in word.lstrip("/") and not word.startswith("/"):
        return
    if word.startswith(_DATA) and ".." not in word.split("/"):
        return
    for place in places:
        status = _status(place)
        if status and stat.S_ISREG(status.st_mode):
            yield _line(place, status)
            return


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _line(path: str, status: os.stat_result | None) -> str:
    return f"{path} {status.st_size} {status.st_mtime_ns} {status.st_mode:o}" if status else f"{path} -"
