"""Rasterio imports boto3 where it finds it, which takes longer than itself; no test of maps needs that."""

from __future__ import annotations

import sys

if "boto3" not in sys.modules:
    sys.modules["boto3"] = None  # type: ignore[assignment]
    import rasterio  # noqa: F401

    del sys.modules["boto3"]
