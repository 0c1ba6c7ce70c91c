"""Removing directory trees written by untrusted commands.

A command can nest directories deeper than the maximum path length and the recursion limit. So nothing here
descends: the contents of a directory are first moved up into the directory being emptied. Links are never
followed. Removal may be interrupted and repeated, and several processes may remove the same tree. Concurrent
writes make it fail (ENOTEMPTY): rename a directory first if others may write to it.

Source: path_resolution(7) (PATH_MAX), rename(2).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from ogdc_shared.open_flags import READ_DIRECTORY


def remove(path: str | os.PathLike[str]) -> None:
    """Remove a file, a link, or a directory with its content, if it exists.

    Raises:
        OSError: something cannot be removed.
    """
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        with suppress(FileNotFoundError):
            empty(path)
            os.rmdir(path)


def empty(directory: str | os.PathLike[str]) -> None:
    """Remove the content of a directory, even if a command removed the permission to do so.

    Raises:
        OSError: something cannot be removed.
    """
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        os.chmod(directory, stat.S_IRWXU)
    top = os.open(directory, READ_DIRECTORY)
    try:
        while names := os.listdir(top):
            for name in names:
                _take_out(name, top)
    finally:
        os.close(top)


def _take_out(name: str, top: int) -> None:
    """Remove an entry of the directory `top`; its subdirectories become entries of `top`."""
    try:
        os.unlink(name, dir_fd=top)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        with suppress(FileNotFoundError):
            _clear(name, top)
            os.rmdir(name, dir_fd=top)


def _clear(name: str, top: int) -> None:
    directory = _opened(name, top)
    try:
        for below in os.listdir(directory):
            try:
                os.unlink(below, dir_fd=directory)
            except FileNotFoundError:
                continue
            except IsADirectoryError:
                _raise_to(top, below, directory)
    finally:
        os.close(directory)


def _raise_to(top: int, name: str, directory: int) -> None:
    """Remove a directory if it is empty, otherwise move it up."""
    try:
        os.rmdir(name, dir_fd=directory)
    except OSError:
        os.close(_opened(name, directory))  # a directory without write permission cannot be moved
        os.rename(name, f".removed-{os.urandom(8).hex()}", src_dir_fd=directory, dst_dir_fd=top)


def _opened(name: str, above: int) -> int:
    """Open a directory and make it writable."""
    if not os.access(name, os.R_OK | os.W_OK | os.X_OK, dir_fd=above):
        os.chmod(name, stat.S_IRWXU, dir_fd=above)
    return os.open(name, READ_DIRECTORY, dir_fd=above)
