from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from ogdc_shared import config

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "settings.md"


def test_the_page_is_current() -> None:
    rendered = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "settings")], capture_output=True, text=True, check=True
    ).stdout

    assert PAGE.read_text() == rendered, "renew it: make settings"


def test_it_has_every_variable_that_is_read() -> None:
    source = Path(config.__file__).read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', source))

    assert read == set(re.findall(r"^\| `([A-Z0-9_]+)` \|", PAGE.read_text(), re.MULTILINE))
