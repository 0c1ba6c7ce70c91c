"""How often a test repeats what chance decides: a few times, or, with THOROUGH=1 as once a night, many."""

from __future__ import annotations

import os

THOROUGH = os.environ.get("THOROUGH") == "1"


def repeated(usually: int, *, thorough: int) -> range:
    """Count the repetitions."""
    return range(thorough if THOROUGH else usually)
