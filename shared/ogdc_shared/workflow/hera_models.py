"""Hera's generated models, `m`, without the package around them.

`hera.workflows` imports its services, scripts and mixins, and what these take: a third of the whole import,
and nothing that is used here. So an empty package stands for it while its models are imported; whoever
imports it afterwards gets all of it. In the same way pydantic's version 1 is left out, of which its models
know only that they are none.
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
