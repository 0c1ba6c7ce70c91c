"""Running a part of a test without root's powers, since permissions do not restrict root."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

NOBODY = 65534


def as_ordinary_user(directory: Path, action: Callable[[Path], None]) -> None:
    """Call `action` in a process that owns everything below `directory` and has none of root's powers.

    The process works in `directory` and is given the relative path to it: the directories above may be open
    to root alone.
    """
    if os.geteuid() == 0:
        _give(directory, NOBODY)
    try:
        pid = os.fork()
        if pid == 0:
            _call(action, directory)
        assert os.waitpid(pid, 0)[1] == 0, "the action failed; its traceback is on stderr"
    finally:
        if os.geteuid() == 0:
            _give(directory, 0)


def _call(action: Callable[[Path], None], directory: Path) -> NoReturn:
    code = 1
    try:
        os.chdir(directory)
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        action(Path())
        code = 0
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def _give(directory: Path, owner: int) -> None:
    for parent, folders, files in os.walk(directory):
        for path in (parent, *(os.path.join(parent, name) for name in folders + files)):
            os.chown(path, owner, owner, follow_symlinks=False)
