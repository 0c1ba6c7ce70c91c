"""Help for imports that cost much of a cold start."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keep the garbage collector from looking through what an import creates.

    Thousands of classes and no garbage: a tenth of the time of importing a library of pydantic models goes
    into looking for some. For imports only: other threads are not collected either.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
