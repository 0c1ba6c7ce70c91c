"""Links that a command left, made good for whoever sees them next.

`/input_dir` and `/output_dir` are other directories for the next command, so a link to one of them would
lead nowhere, or to itself. A link to something in `/input_dir` becomes that thing, by a hard link: it costs
neither room nor time, and leaves the inputs as they are should the command have to run again.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ogdc_shared.removal import remove

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ogdc_worker.process.paths import ProcessPaths

_DRAFT = ".ogdc-carried"


def below(path: str, directory: str) -> str | None:
    """The part of a path below a directory, empty for itself; None where it is elsewhere."""
    if path == directory:
        return ""
    return path[len(directory) + 1 :] if path.startswith(f"{directory}/") else None


def resolve_links(names: Sequence[str], paths: ProcessPaths) -> list[str]:
    """Make links in the output directory good.

    Args:
        names: Of the links, relative to the directory.
        paths: Where that and the inputs are.

    Returns:
        Those that lead nowhere, with what they say; they stay as they are.
    """
    resolver = _LinkResolver(paths)
    return [
        f"{name} -> {os.readlink(f'{paths.outputs}/{name}')}" for name in names if not resolver.resolve(name)
    ]


class _LinkResolver:
    """Knows where the commands' paths are in the workspace, within which things can be linked."""

    def __init__(self, paths: ProcessPaths) -> None:
        self._paths = paths
        self._given, self._made = os.path.realpath(paths.input_dir), os.path.realpath(paths.output_dir)

    def resolve(self, name: str) -> bool:
        """Make one link good; False where it leads nowhere."""
        target = os.path.realpath(f"{self._made}/{name}")
        if not os.path.exists(target):
            return False
        link, given = f"{self._paths.outputs}/{name}", below(target, self._given)
        made = below(target, self._made)
        if given is not None:
            self._replace(link, f"{self._paths.inputs}/{given}".rstrip("/"))
        elif made is not None:
            self._relink(link, os.path.relpath(made or ".", os.path.dirname(name) or "."), name)
        elif os.readlink(link) != target:  # by way of /input_dir to a volume
            _put(link, lambda draft: os.symlink(target, draft))
        return True

    def _relink(self, link: str, target: str, name: str) -> None:
        """Have a link within the output directory lead there wherever that is seen."""
        current = os.readlink(link)
        leaves = os.path.normpath(f"{os.path.dirname(name)}/{current}".lstrip("/")).startswith("..")
        if os.path.isabs(current) or leaves:
            _put(link, lambda draft: os.symlink(target, draft))

    def _replace(self, link: str, source: str) -> None:
        if os.path.isdir(source):
            _put(link, lambda draft: self._copy_tree(source, draft))
        else:
            _put(link, lambda draft: _same_file(source, draft))

    def _copy_tree(self, source: str, target: str) -> None:
        """Make a directory that holds the same files as another, and none of it twice."""
        pending = [(source, target)]
        while pending:
            source, target = pending.pop()
            os.mkdir(target)
            for entry in list(os.scandir(source)):
                place = f"{target}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    pending.append((entry.path, place))
                else:
                    _same_file(self._meant(entry.path), place)
            os.chmod(target, stat.S_IMODE(os.stat(source).st_mode) | stat.S_IRWXU)

    def _meant(self, path: str) -> str:
        """The input file that a link among the inputs leads to; anything else itself."""
        given = below(os.path.realpath(path), os.path.realpath(self._paths.inputs))
        place = f"{self._paths.inputs}/{given}"
        return place if given and os.path.isfile(place) else path


def _put(link: str, make: Callable[[str], None]) -> None:
    """Put what `make` makes at a path in the place of a link."""
    draft = f"{os.path.dirname(link)}/{_DRAFT}"
    remove(draft)
    make(draft)
    os.unlink(link)
    os.rename(draft, link)


def _same_file(source: str, target: str) -> None:
    """Give a file, or a link, a second name; make a copy where the file system has no hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        from shutil import copy2

        copy2(source, target, follow_symlinks=False)
