"""GLB of 3D Tiles 1.1: features by EXT_mesh_features, their attributes by EXT_structural_metadata.

Source: the two extensions' specifications, and 3D Metadata, "Binary Table Format".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogdc_visualization.tiles3d.attributes import text_values
from ogdc_visualization.tiles3d.gltf import Buffer, LocalMesh, build_glb

_FEATURES, _METADATA = "EXT_mesh_features", "EXT_structural_metadata"
_CLASS = "feature"
_KINDS = {"i": "INT", "u": "UINT", "f": "FLOAT"}
_NO_NUMBER = float(np.finfo(np.float32).min)
"""What stands for NaN and infinity, which the tables may not have; exact in 32 and in 64 bits."""
_NO_TEXT = ""


class _Property(NamedTuple):
    """A column as a class has it, and as a table has it."""

    schema: dict[str, Any]
    table: dict[str, Any]


def encode_glb(mesh: LocalMesh, columns: Mapping[str, NDArray[Any]], *, length: int) -> bytes:
    """Return a GLB of the mesh; `columns`, one at least, have `length` values, the i-th of feature i."""
    buffer = Buffer()
    return build_glb(
        mesh,
        feature_attribute="_FEATURE_ID_0",
        buffer=buffer,
        primitive={
            "extensions": {
                _FEATURES: {"featureIds": [{"featureCount": length, "attribute": 0, "propertyTable": 0}]}
            }
        },
        document={
            "extensionsUsed": [_FEATURES, _METADATA],
            "extensions": {_METADATA: _metadata(columns, length, buffer)},
        },
    )


def _metadata(columns: Mapping[str, NDArray[Any]], length: int, buffer: Buffer) -> dict[str, Any]:
    """Return the extension's object, with the columns' values added to the buffer."""
    properties = {
        identifier: _property(name, columns[name], buffer)
        for name, identifier in zip(columns, identifiers(list(columns)), strict=True)
    }
    schemas = {identifier: each.schema for identifier, each in properties.items()}
    tables = {identifier: each.table for identifier, each in properties.items()}
    return {
        "schema": {"id": "features", "classes": {_CLASS: {"properties": schemas}}},
        "propertyTables": [{"class": _CLASS, "count": length, "properties": tables}],
    }


def identifiers(names: list[str]) -> list[str]:
    """Return a different identifier for each column: letters, digits and underscores, no digit first."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        plain = plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
        while plain in found:
            plain += "_"
        found.append(plain)
    return found


def _property(name: str, values: NDArray[Any], buffer: Buffer) -> _Property:
    """Return a column's description, with its values added to the buffer."""
    if values.dtype.kind == "b":
        packed = np.packbits(values, bitorder="little").tobytes()
        return _Property({"name": name, "type": "BOOLEAN"}, {"values": buffer.add_view(packed)})
    if values.dtype.kind in _KINDS and values.dtype.itemsize in (1, 2, 4, 8):
        return _number(name, values, buffer)
    return _text(name, values, buffer)


def _number(name: str, values: NDArray[Any], buffer: Buffer) -> _Property:
    """Return the description of a column of numbers; half-precision ones become 32-bit."""
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    schema: dict[str, Any] = {"name": name, "type": "SCALAR"}
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values, values.dtype.type(_NO_NUMBER))
        schema["noData"] = _NO_NUMBER
    schema["componentType"] = f"{_KINDS[values.dtype.kind]}{8 * values.dtype.itemsize}"
    little = values.astype(values.dtype.newbyteorder("<"))
    return _Property(schema, {"values": buffer.add_view(little.tobytes())})


def _text(name: str, values: NDArray[Any], buffer: Buffer) -> _Property:
    """Return the description of a column of texts: all of them behind each other, and where each begins."""
    texts = text_values(values)
    encoded = [(_NO_TEXT if text is None else text).encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)])
    schema: dict[str, Any] = {"name": name, "type": "STRING"}
    if None in texts:
        schema["noData"] = _NO_TEXT
    table = {
        # A view has one byte at least.
        "values": buffer.add_view(b"".join(encoded) or b"\0"),
        "stringOffsets": buffer.add_view(offsets.astype("<u4").tobytes()),
        "stringOffsetType": "UINT32",
    }
    return _Property(schema, table)
