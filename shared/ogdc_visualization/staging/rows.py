"""The rows of a file as they are, so many at once that they need little memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyogrio
import pyogrio.raw
from numpy.typing import NDArray

from ogdc_shared.errors import InputError

_MAX_ROWS = 1 << 15
_MAX_BYTES = 1 << 25
"""Of the file, for as many rows as are read at once, were all of the same size."""


class Rows(NamedTuple):
    """A batch of rows of a file.

    Attributes:
        wkb: Geometries (n,) as well-known binary, or None for rows without one.
        columns: Attributes (name → n values).
        crs: The file's CRS, or None if it does not state one.
    """

    wkb: NDArray[np.object_]
    columns: dict[str, NDArray[Any]]
    crs: str | None


def read_rows(path: Path, filename: str) -> Iterator[Rows]:
    """Yield the rows of a file in order; of one without any, once none.

    A format that can only be read from its beginning (GeoJSON) is in memory as a whole.

    Raises:
        InputError: it cannot be read.
    """
    try:
        info = pyogrio.read_info(path, layer=0, force_feature_count=True)
        count = int(info["features"])
        if not info["capabilities"]["fast_set_next_by_index"]:
            yield from _divided(_read(path), _rows_at_once(path, count))
            return
        step = _rows_at_once(path, count)
        for first in range(0, max(count, 1), step):
            yield _read(path, skip_features=first, max_features=step)
    except pyogrio.errors.DataSourceError as exc:
        raise InputError(f"{filename} cannot be read: {exc}") from exc


def list_layers(path: Path) -> list[str]:
    """Return the layer of a file that is read, the first, and those with geometries that are not."""
    first, *others = pyogrio.list_layers(path).tolist()
    return [first[0], *(name for name, kind in others if kind is not None)]


def _read(path: Path, **which: int) -> Rows:
    meta, _, wkb, values = pyogrio.raw.read(path, layer=0, **which)
    columns = dict(zip(meta["fields"], values, strict=True))
    return Rows(np.empty(0, object) if wkb is None else wkb, columns, meta["crs"])


def _divided(whole: Rows, step: int) -> Iterator[Rows]:
    for first in range(0, max(len(whole.wkb), 1), step):
        part = slice(first, first + step)
        yield Rows(whole.wkb[part], {name: column[part] for name, column in whole.columns.items()}, whole.crs)


def _rows_at_once(path: Path, count: int) -> int:
    """Return how many rows are read at once, at least one."""
    files = filter(Path.is_file, path.rglob("*")) if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files)
    return max(1, min(_MAX_ROWS, _MAX_BYTES * max(count, 1) // max(size, 1)))
