"""Binary glTF 2.0: a mesh around its own origin, in 32-bit floats, with a feature's number at each point.

Source: Khronos glTF 2.0, sections 3.6 (buffers, accessors), 4 (GLB); KHR_materials_unlit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_COMPONENTS = {np.dtype(np.float32): 5126, np.dtype(np.uint32): 5125}
_SHAPES = {1: "SCALAR", 3: "VEC3"}
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_ALIGNMENT = 8  # of what 3D Tiles hold


class LocalMesh(NamedTuple):
    """Positions (n, 3) in metres from `origin` (3), z upwards; triangles (m, 3); features (n)."""

    origin: NDArray[np.float64]
    positions: NDArray[np.float32]
    triangles: NDArray[np.uint32]
    features: NDArray[np.float32]


class Buffer:
    """The binary part of a GLB, and the views and accessors of it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add_view(self, data: bytes, **properties: int) -> int:
        """Append bytes, aligned as 3D Tiles ask, and return the number of their view."""
        self.data += bytes(-len(self.data) % _ALIGNMENT)
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data), **properties})
        self.data += data
        return len(self.views) - 1

    def add_accessor(self, values: NDArray[Any], *, target: int) -> int:
        """Append values (n) or (n, 3) with their extremes, and return the number of their accessor."""
        rows = values.reshape(len(values), -1)
        self.accessors.append(
            {
                "bufferView": self.add_view(values.tobytes(), target=target),
                "byteOffset": 0,
                "componentType": _COMPONENTS[values.dtype],
                "count": len(rows),
                "type": _SHAPES[rows.shape[1]],
                "min": rows.min(axis=0).tolist(),
                "max": rows.max(axis=0).tolist(),
            }
        )
        return len(self.accessors) - 1


def build_glb(
    mesh: LocalMesh,
    *,
    feature_attribute: str,
    buffer: Buffer | None = None,
    primitive: Mapping[str, Any] | None = None,
    document: Mapping[str, Any] | None = None,
) -> bytes:
    """Return a GLB of the mesh; its length is a multiple of 8.

    Args:
        mesh: The mesh, with at least one triangle.
        feature_attribute: The name of the vertex attribute that holds feature ids.
        buffer: Further data for the binary part.
        primitive: Further keys of the mesh's only primitive, such as extensions.
        document: Further keys of the document.
    """
    buffer = buffer or Buffer()
    attributes = {
        "POSITION": buffer.add_accessor(_y_up(mesh.positions), target=_ARRAY_BUFFER),
        feature_attribute: buffer.add_accessor(mesh.features, target=_ARRAY_BUFFER),
    }
    indices = buffer.add_accessor(mesh.triangles.reshape(-1), target=_ELEMENT_ARRAY_BUFFER)
    extra = dict(document or {})
    content = {
        "asset": {"version": "2.0", "generator": "ogdc-runner"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        # The origin stands in the node: in 64 bits, where positions from the Earth's centre in 32 had steps
        # of half a metre.
        "nodes": [{"mesh": 0, "translation": _y_up(mesh.origin[None])[0].tolist()}],
        "meshes": [
            {
                "primitives": [
                    {
                        "attributes": attributes,
                        "indices": indices,
                        "material": 0,
                        "mode": 4,
                        **(primitive or {}),
                    }
                ]
            }
        ],
        "materials": [_MATERIAL],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "extensionsUsed": [_UNLIT, *extra.pop("extensionsUsed", [])],
        **extra,
    }
    return _pack(content, buffer.data)


_UNLIT = "KHR_materials_unlit"
_MATERIAL = {
    "doubleSided": True,
    "extensions": {_UNLIT: {}},
    "pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 1},
}


def _y_up(positions: NDArray[Any]) -> NDArray[Any]:
    """Return positions (n, 3) with z upwards as glTF has them, with y upwards; 3D Tiles turn them back."""
    return np.ascontiguousarray(np.column_stack((positions[:, 0], positions[:, 2], -positions[:, 1])))


def _pack(content: dict[str, Any], data: bytearray) -> bytes:
    """Return the file: a header, the document and the binary part, each padded as 3D Tiles ask."""
    data = data + bytes(-len(data) % _ALIGNMENT)
    text = json.dumps(
        {**content, "buffers": [{"byteLength": len(data)}]}, separators=(",", ":"), allow_nan=False
    ).encode()
    text += b" " * (-(len(text) + 28) % _ALIGNMENT)  # 28: the headers of the file and of both parts
    header = b"glTF" + np.array([2, 28 + len(text) + len(data)], "<u4").tobytes()
    return header + _chunk(b"JSON", text) + _chunk(b"BIN\0", bytes(data))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + kind + data
