"""What `make check` holds besides the linters: words, sizes, and the drawing of what imports what."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / script)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("script", ["words", "figures"])
def test_names_and_sizes_are_in_order(script: str) -> None:
    done = run(script)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_drawing_of_imports_is_current() -> None:
    done = run("imports")
    assert done.stdout == (ROOT / "docs" / "architecture.md").read_text(), (
        f"renew it: make imports{done.stderr}"
    )
