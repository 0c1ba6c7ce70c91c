"""Hera's generated models, `m`, without the package around them.

`hera.workflows` imports its services, scripts and mixins, with their dependencies. That takes a third of the
whole import, and nothing of it is used here. So an empty package stands in while the models are imported;
later imports get the whole package. Pydantic's version 1 is left out in the same way, since the models only
check that they are not of that version.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec

from ogdc_shared.imports import collection_paused, left_out

__all__ = ["m"]

_PACKAGE = "hera.workflows"


@contextmanager
def _left_out(package: str) -> Iterator[None]:
    spec = find_spec(package)
    if package in sys.modules or spec is None:
        yield
        return
    sys.modules[package] = module_from_spec(spec)
    try:
        yield
    finally:
        del sys.modules[package]


with collection_paused(), _left_out(_PACKAGE), left_out("pydantic.v1"):
    import hera.workflows.models as m
