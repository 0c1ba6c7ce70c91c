"""A shell script with leave to mount a small disk of its own, as any user may in a namespace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


def output_with_small_disk(script: str, directory: Path) -> list[str]:
    """Run a script, whose arguments are where to mount and a Python; return the lines that it prints.

    Where users cannot make such namespaces the test is skipped.
    """
    if subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    command = [*_UNSHARE, "sh", "-c", script, "sh", str(directory), sys.executable]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
