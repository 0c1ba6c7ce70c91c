"""Kill a process at each of its changes to the file system, one after the other.

Random kills seldom hit the moment between two renames; this hits every one of them.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

_CHANGES = {
    "os.chmod",
    "os.mkdir",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.truncate",
}
"""Audit events of changes to files. Source: the Python Library Reference, "Audit events table"."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def crashes(prepare: Callable[[], None], action: Callable[[], None]) -> Iterator[int]:
    """Yield 1, 2, … after `action` was killed right before its first, second, … change to the file system.

    `prepare` is called before each. Ends when `action` comes to its end unkilled.
    """
    number = 1
    while True:
        prepare()
        if not killed(action, before=number):
            return
        yield number
        number += 1


def killed(action: Callable[[], None], *, before: int | None = None) -> bool:
    """Call `action` in another process, and return whether it was killed before its `before`th change."""
    pid = os.fork()
    if pid == 0:
        _call(action, before)
    _, status = os.waitpid(pid, 0)
    assert status in {0, signal.SIGKILL}, "the action failed; its traceback is on stderr"
    return status != 0


def _call(action: Callable[[], None], before: int | None) -> NoReturn:
    gc.disable()  # which would write to, and so copy, what both processes have
    code = 1
    try:
        if before is not None:
            sys.addaudithook(_Killer(before))
        action()
        code = 0
    except BaseException:
        traceback.print_exc()
    os._exit(code)


class _Killer:
    def __init__(self, before: int) -> None:
        self._left = before

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CHANGES or (event == "open" and arguments[2] & _WRITING):
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
