from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    rendered = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "routes")], capture_output=True, text=True, check=True
    ).stdout

    assert (ROOT / "docs" / "api.md").read_text() == rendered, "renew it: make routes"
