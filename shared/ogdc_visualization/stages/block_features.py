"""What one file has for one block, between two stages: arrays, and nothing that reading would execute."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from ogdc_visualization.deduplicate.footprints import Footprint
from ogdc_visualization.staging.features import Features

_COLUMN, _TEXTS = "column ", "texts "


class BlockFeatures(NamedTuple):
    """Features of one file, and the tiles of a block that they are in.

    Attributes:
        features: What is in at least one of the tiles.
        tiles: Column and row (m, 2) of tiles of the highest level.
        members: Which of the features each of them is for (m,).
        outside: Which of the features are not where the file's footprint is (n,).
        footprint: That of the file, if it has one and it is asked for.
    """

    features: Features
    tiles: NDArray[np.int64]
    members: NDArray[np.int64]
    outside: NDArray[np.bool_]
    footprint: Footprint | None = None


def write_block_features(path: Path, part: BlockFeatures) -> None:
    """Write a part."""
    wkb = shapely.to_wkb(part.features.geometries)
    arrays: dict[str, NDArray[Any]] = {
        "wkb": np.frombuffer(b"".join(wkb), np.uint8),
        "wkb_lengths": np.array([len(each) for each in wkb], np.int64),
        "centroids": part.features.centroids,
        "areas": part.features.areas,
        "rows": part.features.rows,
        "tiles": part.tiles,
        "members": part.members,
        "outside": part.outside,
        "filename": np.array(part.features.filename),
        "names": np.array(json.dumps(list(part.features.columns))),
    }
    for name, column in part.features.columns.items():
        arrays |= _stored(name, column)
    if part.footprint is not None:
        arrays["footprint"] = np.frombuffer(shapely.to_wkb(part.footprint.area), np.uint8)
        arrays["footprint_properties"] = np.array(json.dumps(part.footprint.properties, default=str))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # `allow_pickle` is no array of ours


def read_block_features(path: Path) -> BlockFeatures:
    """Read a part."""
    with np.load(path, allow_pickle=False) as arrays:
        ends = np.cumsum(arrays["wkb_lengths"])
        whole = arrays["wkb"].tobytes()
        wkb = [whole[end - length : end] for end, length in zip(ends, arrays["wkb_lengths"], strict=True)]
        features = Features(
            shapely.from_wkb(np.array(wkb, object)),
            {name: _read_column(name, arrays) for name in json.loads(str(arrays["names"]))},
            arrays["centroids"],
            arrays["areas"],
            arrays["rows"],
            str(arrays["filename"]),
        )
        return BlockFeatures(
            features, arrays["tiles"], arrays["members"], arrays["outside"], _read_footprint(arrays)
        )


def _read_footprint(arrays: Mapping[str, NDArray[Any]]) -> Footprint | None:
    if "footprint" not in arrays:
        return None
    area = shapely.from_wkb(arrays["footprint"].tobytes())
    return Footprint(area, json.loads(str(arrays["footprint_properties"])))


def _stored(name: str, column: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return a column as arrays without objects: texts, and what is missing of them, are JSON."""
    if column.dtype.kind != "O":
        return {f"{_COLUMN}{name}": column}
    texts = [value if isinstance(value, str | int | float | None) else str(value) for value in column]
    return {f"{_TEXTS}{name}": np.frombuffer(json.dumps(texts).encode(), np.uint8)}


def _read_column(name: str, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    if f"{_COLUMN}{name}" in arrays:
        return arrays[f"{_COLUMN}{name}"]
    texts = json.loads(arrays[f"{_TEXTS}{name}"].tobytes())
    column = np.empty(len(texts), object)
    column[:] = texts
    return column
