"""Comparing the contents of two geospatial files in a sandbox, because they may be untrusted.

GDAL opens files that a file refers to, so it sees only these two, in the same sandbox as tasks.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import uuid
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ogdc_local.sandbox import Container, Mount, probe
from ogdc_local.stack.paths import StatePaths
from ogdc_shared.images import own_image

if TYPE_CHECKING:
    from ogdc_local.sandbox import RunningTask, Sandbox

SECONDS = 300.0
"""Two files may take to be compared."""
_MAX_ANSWER = 1 << 20
_MEMORY = 2 << 30
_LOOK_SECONDS = 0.02
_SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")
"""Suffixes of the files that are one data set: which row belongs to which place follows from all of them."""
_READABLE = {".tif", ".tiff", ".gpkg", ".fgb", ".shp", ".shx", ".dbf"}


def may_be_read(path: str) -> bool:
    """Whether files of this name may be compared by what they hold (see `gdal_contents`)."""
    return Path(path).suffix.lower() in _READABLE


class Contents:
    """Compares what files hold, one pair after the other."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        """Find a sandbox with the first pair, if none is given."""
        self._sandbox = sandbox

    def compare(self, then: Path, now: Path) -> tuple[bool, list[str]] | None:
        """Return whether two files have the same content, and the differences; None if GDAL cannot read them.

        Raises:
            ConfigurationError: there is no sandbox.
            OSError: it cannot be started.
        """
        if self._sandbox is None:
            paths = StatePaths.from_env()
            self._sandbox = probe(environ=os.environ, label=paths.label, private=(paths.root,))
        with tempfile.TemporaryDirectory(prefix="ogdc-compare-") as scratch:
            return self._run(self._sandbox, Path(scratch), then.absolute(), now.absolute())

    def _run(self, sandbox: Sandbox, scratch: Path, then: Path, now: Path) -> tuple[bool, list[str]] | None:
        program, log = scratch / "gdal_contents.py", scratch / "log"
        program.write_bytes(files(__package__).joinpath("gdal_contents.py").read_bytes())
        work = scratch / "work"
        work.mkdir()
        if sandbox.owner is not None:
            shutil.chown(work, sandbox.owner, sandbox.owner)
        seen = [f"/compare/{place}/{_seen(path)}" for place, path in (("then", then), ("now", now))]
        mounts = [
            Mount(part, str(Path(place).with_suffix(part.suffix.lower())), writable=False)
            for path, place in zip((then, now), seen, strict=True)
            for part in _parts(path)
        ]
        container = Container(
            name=f"compare-{uuid.uuid4().hex[:12]}",
            image=own_image("ogdc-worker"),
            argv=(
                "sh",
                "-c",
                'exec "$(command -v /usr/bin/python3 || echo python3)" "$@"',
                "sh",
                "/compare/look.py",
                *seen,
            ),
            env={"GDAL_PAM_ENABLED": "NO", "TMPDIR": "/tmp"},  # noqa: S108  the container's own
            mounts=(Mount(work, "/tmp"), Mount(program, "/compare/look.py", writable=False), *mounts),  # noqa: S108
            memory=_MEMORY,
        )
        with log.open("wb") as sink:
            _wait(sandbox.start(container, log=sink.fileno()))
        return _answer(log)


def _seen(path: Path) -> str:
    """Return a file's name in the sandbox, which keeps only its suffix, since names are untrusted."""
    suffix = path.suffix.lower()
    return f"file{suffix if suffix[1:].isalnum() and suffix.isascii() else ''}"


def _parts(path: Path) -> list[Path]:
    """Return the files of a data set with several files; their suffixes may be in upper case."""
    suffix = path.suffix.lower()
    if suffix not in _SHAPEFILE:
        return [path]
    found = {suffix: path}
    for name in _SHAPEFILE:
        for part in (path.with_suffix(name), path.with_suffix(name.upper())):
            if part.is_file() and not part.is_symlink():
                found.setdefault(name, part)
    return [*found.values()]


def _wait(task: RunningTask) -> None:
    deadline = time.monotonic() + SECONDS
    while task.poll() is None:
        if time.monotonic() > deadline:
            task.kill()
        time.sleep(_LOOK_SECONDS)


def _answer(log: Path) -> tuple[bool, list[str]] | None:
    """Read the last line, which is the answer, if there is one."""
    with log.open("rb") as file:
        lines = file.read(_MAX_ANSWER).splitlines()
    with suppress(ValueError, KeyError, TypeError, IndexError, RecursionError):
        answer = json.loads(lines[-1])
        return bool(answer["same"]), [str(each) for each in answer["differences"]]
    return None
