"""What all files have for the map, read tile by tile."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from ogdc_visualization.batches import expand
from ogdc_visualization.deduplicate.footprints import Footprint
from ogdc_visualization.morton import Codes, decode
from ogdc_visualization.stages.array_files import read_arrays, unpack
from ogdc_visualization.stages.feature_files import ARRAYS, COLUMN, DESCRIPTION, ENDS, FOOTPRINT, TEXTS
from ogdc_visualization.staging.features import Features
from ogdc_visualization.staging.tiles import Outer

_OPEN = 16
"""Files of arrays that are mapped into memory at once, of tens of megabytes each."""
_PENDING = 1 << 22
"""Tiles that are put together at once while the index is made."""


class Leaves(NamedTuple):
    """The tiles of the highest level that there are: their numbers (k,), in order, and the bytes of each."""

    codes: Codes
    weights: NDArray[np.int64]


class FileFeatures(NamedTuple):
    """Features of one file, in the order of its rows, and tiles that they are in.

    Attributes:
        file: The file's number in the list of all files, sorted by name.
        features: The features that are in at least one of the tiles (n,).
        codes: Tiles (m,), see `morton`.
        members: Index (m,) of the feature that each entry of `codes` belongs to.
        outside: A mask (n,) of the features that lie outside the file's footprint.
    """

    file: int
    features: Features
    codes: Codes
    members: NDArray[np.int64]
    outside: NDArray[np.bool_]


class _Description(msgspec.Struct, frozen=True):
    """What `FeatureFile.close` writes."""

    filename: str
    columns: dict[str, str]
    outer: Outer
    footprint: dict[str, Any] | None


class _File(NamedTuple):
    description: _Description
    directory: Path
    parts: Sequence[tuple[Path, int, int]]
    """Each with its first and its last tile."""


class FeatureStore:
    """The feature files below some directories.

    Attributes:
        leaves: The tiles there are.
    """

    def __init__(self, directories: Iterable[Path]) -> None:
        """Find the files, and read which tiles each has."""
        described = [
            (msgspec.json.decode(path.read_bytes(), type=_Description), path.parent)
            for directory in directories
            for path in directory.glob(f"*/{DESCRIPTION}")
        ]
        described.sort(key=lambda each: each[0].filename)
        index = _Index()
        self._files = [_open(description, directory, index) for description, directory in described]
        self.leaves = index.leaves()
        self._arrays = lru_cache(_OPEN)(read_arrays)

    def read(self, codes: Codes) -> list[FileFeatures]:
        """Return what each file has in any of these tiles, which are in order; who has none is left out."""
        found = (self._read(number, codes) for number in range(len(self._files)))
        return [part for part in found if part is not None]

    def footprints(self) -> list[Footprint | None]:
        """Return the footprint of each file, if it has one."""
        return [
            None
            if file.description.footprint is None
            else Footprint(
                shapely.from_wkb((file.directory / FOOTPRINT).read_bytes()), file.description.footprint
            )
            for file in self._files
        ]

    def _read(self, number: int, codes: Codes) -> FileFeatures | None:
        file = self._files[number]
        codes = codes[_within(codes, file.description.outer)]
        if not len(codes):
            return None
        low, high = codes[[0, -1]].tolist()
        found = [
            _read_part(self._arrays(path), codes, number, file.description)
            for path, first, last in file.parts
            if first <= high and low <= last
        ]
        return _joined([part for part in found if part is not None])


class _Index:
    """Puts together which tiles there are, so that a tile takes memory once however many files have it."""

    def __init__(self) -> None:
        self._codes: list[Codes] = []
        self._weights: list[NDArray[np.int64]] = []
        self._pending = 0

    def add(self, codes: Codes, weights: NDArray[np.int64]) -> None:
        self._codes.append(codes)
        self._weights.append(weights)
        self._pending += len(codes)
        if self._pending > _PENDING:
            whole = self.leaves()
            self._codes, self._weights, self._pending = [whole.codes], [whole.weights], 0

    def leaves(self) -> Leaves:
        every = np.concatenate([np.empty(0, np.int64), *self._codes])
        codes, number = np.unique(every, return_inverse=True)
        weights = np.zeros(len(codes), np.int64)
        np.add.at(weights, number, np.concatenate([np.empty(0, np.int64), *self._weights]))
        return Leaves(codes, weights)


def _open(description: _Description, directory: Path, index: _Index) -> _File:
    parts = []
    for path in sorted(directory.glob(ARRAYS), key=lambda path: int(path.stem)):
        arrays = read_arrays(path)
        inside = _within(arrays["leaves"], description.outer)
        if inside.any():
            codes = arrays["leaves"][inside]
            index.add(codes, arrays["weights"][inside])
            parts.append((path, int(codes[0]), int(codes[-1])))
    return _File(description, directory, parts)


def _within(codes: Codes, outer: Outer) -> NDArray[np.bool_]:
    """Return which tiles (k,) are not beyond the bounds of a file."""
    x, y = decode(codes)
    return (x >= outer.west) & (x <= outer.east) & (y >= outer.north) & (y <= outer.south)


def _read_part(
    arrays: dict[str, NDArray[Any]], codes: Codes, number: int, description: _Description
) -> FileFeatures | None:
    """Return what one file of arrays has in tiles."""
    at = np.searchsorted(arrays["leaves"], codes)
    there = at < len(arrays["leaves"])
    there[there] = arrays["leaves"][at[there]] == codes[there]
    at, codes = at[there], codes[there]
    if not len(at):
        return None
    ends = arrays["leaf_ends"][at]
    begins = np.where(at > 0, arrays["leaf_ends"][at - 1], 0)
    leaf, offset = expand(ends - begins)
    used, member = np.unique(arrays["members"][begins[leaf] + offset], return_inverse=True)
    order = np.argsort(arrays["rows"][used])  # of the file, not of the tiles
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    used = used[order]
    features = Features(
        shapely.from_wkb(np.array(unpack(arrays["wkb"], arrays["wkb_ends"], used), object)),
        {name: _column(arrays, name, kind, used) for name, kind in description.columns.items()},
        arrays["centroids"][used],
        arrays["areas"][used],
        arrays["rows"][used],
        description.filename,
    )
    return FileFeatures(number, features, codes[leaf], place[member], arrays["outside"][used])


def _column(arrays: dict[str, NDArray[Any]], name: str, kind: str, which: NDArray[np.int64]) -> NDArray[Any]:
    """Return some values of a column, as the whole file's are stored."""
    if f"{COLUMN}{name}" in arrays:
        column = arrays[f"{COLUMN}{name}"][which]
        return (column.astype(str) if kind == "|O" and column.dtype.kind == "M" else column).astype(kind)
    values = np.empty(len(which), object)
    values[:] = [
        json.loads(text) for text in unpack(arrays[f"{TEXTS}{name}"], arrays[f"{ENDS}{name}"], which)
    ]
    return values


def _joined(parts: list[FileFeatures]) -> FileFeatures | None:
    """Put parts of one file together, in order."""
    if len(parts) < 2:
        return parts[0] if parts else None
    every = [part.features for part in parts]
    begins = np.cumsum([0, *(len(features.rows) for features in every[:-1])])
    features = Features(
        np.concatenate([each.geometries for each in every]),
        {name: np.concatenate([each.columns[name] for each in every]) for name in every[0].columns},
        np.concatenate([each.centroids for each in every]),
        np.concatenate([each.areas for each in every]),
        np.concatenate([each.rows for each in every]),
        every[0].filename,
    )
    return FileFeatures(
        parts[0].file,
        features,
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.members + begin for part, begin in zip(parts, begins, strict=True)]),
        np.concatenate([part.outside for part in parts]),
    )
