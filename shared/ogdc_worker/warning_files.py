"""Where warnings lie between tasks: `process` leaves them in its workspace, `publish` reads those of all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.layout import WARNINGS
from ogdc_shared.trees import write_durably

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ogdc_shared.run_warnings import RunWarnings

_MAX_BYTES = 256 * 1024


def leave_warnings(workspace: str, warnings: RunWarnings) -> None:
    """Leave the warnings of a partition's task in its workspace."""
    write_durably(f"{workspace}/{WARNINGS}", warnings.to_json().encode())


def gather_warnings(workspaces: Sequence[str]) -> RunWarnings:
    """Read what the partitions' tasks have left.

    Args:
        workspaces: Of the partitions, in order. Commands could write there: no link in one is followed, and
            what is no list of warnings is left out.
    """
    from ogdc_shared.run_warnings import RunWarnings, read_warnings

    found = RunWarnings()
    for number, workspace in enumerate(workspaces):
        content = _content(f"{workspace}/{WARNINGS}")
        if content:
            found = found.plus(read_warnings(content).of_partition(number))
    return found


def _content(path: str) -> bytes:
    """Read a small file; nothing where it is none."""
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(file, _MAX_BYTES) if stat.S_ISREG(os.fstat(file).st_mode) else b""
        finally:
            os.close(file)
    return b""
