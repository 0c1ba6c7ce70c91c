"""Makes symbolic links that a command left valid for the next reader.

`/input_dir` and `/output_dir` are different directories for the next command, so links to them would dangle
or point to themselves. A link to something in `/input_dir` is replaced by that file, as a hard link. This
takes neither space nor time, and the inputs stay unchanged in case the command is repeated.
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
    """Return the part of a path below a directory, empty for the directory itself; None if outside."""
    if path == directory:
        return ""
    return path[len(directory) + 1 :] if path.startswith(f"{directory}/") else None


def resolve_links(names: Sequence[str], paths: ProcessPaths) -> list[str]:
    """Make links in the output directory valid for the next reader.

    Args:
        names: The links, relative to the directory.
        paths: The task's paths.

    Returns:
        Dangling links and their targets, `name -> target`; they are not changed.
    """
    resolver = _LinkResolver(paths)
    return [
        f"{name} -> {os.readlink(f'{paths.outputs}/{name}')}" for name in names if not resolver.resolve(name)
    ]


class _LinkResolver:
    """Maps the paths that commands see to paths in the workspace, where hard links are possible."""

    def __init__(self, paths: ProcessPaths) -> None:
        self._paths = paths
        self._given, self._made = os.path.realpath(paths.input_dir), os.path.realpath(paths.output_dir)

    def resolve(self, name: str) -> bool:
        """Make one link valid; False if it is dangling."""
        target = os.path.realpath(f"{self._made}/{name}")
        if not os.path.exists(target):
            return False
        link, given = f"{self._paths.outputs}/{name}", below(target, self._given)
        made = below(target, self._made)
        if given is not None:
            self._replace(link, f"{self._paths.inputs}/{given}".rstrip("/"))
        elif made is not None:
            self._relink(link, os.path.relpath(made or ".", os.path.dirname(name) or "."), name)
        elif os.readlink(link) != target:  # a link in /input_dir leads to a volume
            _put(link, lambda draft: os.symlink(target, draft))
        return True

    def _relink(self, link: str, target: str, name: str) -> None:
        """Make a link within the output directory relative if it is absolute or leaves the directory."""
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
        """Recreate a directory tree with hard links to the same files."""
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
        """Return the file that a link among the inputs points to; other paths unchanged."""
        given = below(os.path.realpath(path), os.path.realpath(self._paths.inputs))
        place = f"{self._paths.inputs}/{given}"
        return place if given and os.path.isfile(place) else path


def _put(link: str, make: Callable[[str], None]) -> None:
    """Replace a link by what `make` creates at the path it is given."""
    draft = f"{os.path.dirname(link)}/{_DRAFT}"
    remove(draft)
    make(draft)
    os.unlink(link)
    os.rename(draft, link)


def _same_file(source: str, target: str) -> None:
    """Hard-link a file or symbolic link; copy it if the file system has no hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        from shutil import copy2

        copy2(source, target, follow_symlinks=False)
