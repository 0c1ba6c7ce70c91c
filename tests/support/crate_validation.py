"""Validating crates with roc-validator, in a separate environment (`make crates` creates it)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-crates/bin/python"
NEEDED = [
    pytest.mark.crates,
    pytest.mark.skipif(
        not PYTHON.exists(), reason="`make crates` makes the environment that validates crates"
    ),
]
"""Marks of tests that need it."""


def validated(crate: Path) -> subprocess.CompletedProcess[str]:
    """Run it. It exits with 0 if a crate passes what is REQUIRED, and prints a line for each issue."""
    words = [str(PYTHON), "-P", str(ROOT / "tests/support/validate_crate.py"), str(crate)]
    return subprocess.run(words, check=False, capture_output=True, text=True)
