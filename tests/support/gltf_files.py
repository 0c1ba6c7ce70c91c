"""Reads what the tests look at in b3dm and glb."""

from __future__ import annotations

import json
import struct
from typing import Any, NamedTuple

import numpy as np

_TYPES = {5126: "<f4", 5125: "<u4"}


class Glb(NamedTuple):
    """A GLB's document and its binary part."""

    document: dict[str, Any]
    data: bytes

    def accessor(self, index: int) -> np.ndarray:
        accessor = self.document["accessors"][index]
        width = {"SCALAR": 1, "VEC3": 3}[accessor["type"]]
        values = np.frombuffer(self.view(accessor["bufferView"]), _TYPES[accessor["componentType"]])
        return values.reshape(accessor["count"], width)

    def view(self, index: int) -> bytes:
        view = self.document["bufferViews"][index]
        return self.data[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    @property
    def primitive(self) -> dict[str, Any]:
        primitive: dict[str, Any] = self.document["meshes"][0]["primitives"][0]
        return primitive

    def positions(self) -> np.ndarray:
        """Positions in metres from the Earth's centre, z upwards."""
        local = self.accessor(self.primitive["attributes"]["POSITION"]).astype(float)
        x, y, z = (local + self.document["nodes"][0]["translation"]).T
        return np.column_stack((x, -z, y))

    def triangles(self) -> np.ndarray:
        return self.accessor(self.primitive["indices"]).reshape(-1, 3).astype(int)

    def features(self, attribute: str) -> np.ndarray:
        return self.accessor(self.primitive["attributes"][attribute])[:, 0].astype(int)


def read_glb(content: bytes) -> Glb:
    magic, version, length, json_length, json_type = struct.unpack("<4sIII4s", content[:20])
    assert (magic, version, length, json_type) == (b"glTF", 2, len(content), b"JSON")
    data_length, data_type = struct.unpack("<I4s", content[20 + json_length : 28 + json_length])
    assert (data_type, 28 + json_length + data_length) == (b"BIN\0", length)
    return Glb(json.loads(content[20 : 20 + json_length]), content[28 + json_length :])


class B3dm(NamedTuple):
    """A b3dm's two tables and its model."""

    features: dict[str, Any]
    batch: dict[str, Any]
    glb: Glb


def read_b3dm(content: bytes) -> B3dm:
    magic, version, length, *sizes = struct.unpack("<4sIIIIII", content[:28])
    assert (magic, version, length) == (b"b3dm", 1, len(content))
    ends = np.cumsum([28, *sizes]).tolist()
    assert ends[1] % 8 == ends[2] % 8 == ends[4] % 8 == len(content) % 8 == 0
    return B3dm(
        json.loads(content[28 : ends[1]]),
        json.loads(content[ends[2] : ends[3]]),
        read_glb(content[ends[4] :]),
    )
