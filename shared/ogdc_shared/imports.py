"""Help for imports that cost much of a cold start."""

from __future__ import annotations

import gc
import sys
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


def import_lazily(name: str) -> None:
    """Have a module that others import, and seldom use, be loaded when it is first used.

    Source: importlib's documentation, "Implementing lazy imports".

    Args:
        name: Of a module in a package.
    """
    from importlib.util import LazyLoader, find_spec, module_from_spec

    spec = find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    spec.loader = loader = LazyLoader(spec.loader)
    sys.modules[name] = module = module_from_spec(spec)
    loader.exec_module(module)
    package, _, own_name = name.rpartition(".")
    setattr(sys.modules[package], own_name, module)
