"""How often tests with randomness are repeated: a few times, or many times with THOROUGH=1 (every night)."""

from __future__ import annotations

import os

THOROUGH = os.environ.get("THOROUGH") == "1"


def repeated(usually: int, *, thorough: int) -> range:
    """Count the repetitions."""
    return range(thorough if THOROUGH else usually)
