"""Batched 3D Models: a glTF whose features have attributes in a table of JSON, as 3D Tiles 1.0 have them.

Source: 3D Tiles 1.0, TileFormats/Batched3DModel and TileFormats/BatchTable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ogdc_visualization.tiles3d.attributes import json_values
from ogdc_visualization.tiles3d.gltf import LocalMesh, build_glb

_HEADER = 28


def encode_b3dm(mesh: LocalMesh, columns: Mapping[str, NDArray[Any]], *, length: int) -> bytes:
    """Return a b3dm of the mesh; `columns` have `length` values each, and number i belongs to feature i."""
    features = _json({"BATCH_LENGTH": length}, offset=_HEADER)
    batch = _json({name: json_values(values) for name, values in columns.items()}, offset=0)
    glb = build_glb(mesh, feature_attribute="_BATCHID")
    sizes = [_HEADER + len(features) + len(batch) + len(glb), len(features), 0, len(batch), 0]
    return b"b3dm" + np.array([1, *sizes], "<u4").tobytes() + features + batch + glb


def _json(content: dict[str, Any], *, offset: int) -> bytes:
    """Return a document padded with spaces, so that what follows one at `offset` is aligned to 8 bytes."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return text + b" " * (-(offset + len(text)) % 8)
