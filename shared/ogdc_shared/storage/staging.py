"""Compatibility alias of `ogdc_shared.recipe_sources.staging`."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    return getattr(import_module("ogdc_shared.recipe_sources.staging"), name)
