"""Files that pass warnings between tasks: `process` writes one to its workspace, `publish` reads them all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.layout import WARNINGS
from ogdc_shared.open_flags import READ_FILE
from ogdc_shared.trees import write_durably

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ogdc_shared.run_warnings import RunWarnings

_MAX_BYTES = 256 * 1024


def leave_warnings(workspace: str, warnings: RunWarnings) -> None:
    """Write a partition's warnings to its workspace."""
    write_durably(f"{workspace}/{WARNINGS}", warnings.to_json().encode())


def gather_warnings(workspaces: Sequence[str]) -> RunWarnings:
    """Read the warnings of all partitions.

    Args:
        workspaces: The partitions' workspaces, in order. Commands can write there, so links are not followed
            and anything that is not a list of warnings is ignored.
    """
    from ogdc_shared.run_warnings import RunWarnings, read_warnings

    found = RunWarnings()
    for number, workspace in enumerate(workspaces):
        content = _content(f"{workspace}/{WARNINGS}")
        if content:
            found = found.plus(read_warnings(content).of_partition(number))
    return found


def _content(path: str) -> bytes:
    """Return the content of a small regular file; empty if there is none."""
    with suppress(OSError):
        file = os.open(path, READ_FILE)
        try:
            return os.read(file, _MAX_BYTES) if stat.S_ISREG(os.fstat(file).st_mode) else b""
        finally:
            os.close(file)
    return b""
