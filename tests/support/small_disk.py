"""Running a shell script that may mount a small disk, in a user namespace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


def output_with_small_disk(script: str, directory: Path) -> list[str]:
    """Run a script with the mount point and a Python as arguments, and return the lines that it prints.

    Where users cannot make such namespaces the test is skipped.
    """
    if subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    command = [*_UNSHARE, "sh", "-c", script, "sh", str(directory), sys.executable]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
