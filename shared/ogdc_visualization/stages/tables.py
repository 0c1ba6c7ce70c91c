"""The summaries of a map: a row for each band of each tile, sorted on disk, as there may be millions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.summaries import EVENTS, RASTERS, STAGING, write_table

_BY_FILE = ("tile_x", "tile_y", "filename")
_BY_PLACE = ("z", "tile", "path")
"""What rows are sorted by; those of which all of it is equal stay as they were added."""
Rows = Iterable[Mapping[str, Any]]


class Tables:
    """Takes rows in any order, and writes them in that of levels, columns and rows."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")  # a file of its own that is gone when it is closed
        self._database.execute("CREATE TABLE line (kind, a, b, c, content)")

    def __enter__(self) -> Tables:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def add(self, staging: Rows, rasters: Rows, events: Rows) -> None:
        """Take the rows of some tiles."""
        self._add("staging", staging, _BY_FILE)
        self._add("rasters", rasters, _BY_PLACE)
        self._add("events", events, _BY_PLACE)

    def write(self, config: VisualizationConfig, output: Path) -> None:
        """Write the tables that are not empty, and that of staging, where there is any, in any case."""
        if config.enable_stager:
            write_table(output / config.filename_staging_summary, STAGING, self._sorted("staging"))
        if self._database.execute("SELECT 1 FROM line WHERE kind = 'rasters' LIMIT 1").fetchone():
            write_table(output / config.filename_rasters_summary, RASTERS, self._sorted("rasters"))
            numbered = ({"id": number, **row} for number, row in enumerate(self._sorted("events"), 1))
            write_table(output / config.filename_rasterization_events, EVENTS, numbered)

    def _add(self, kind: str, rows: Rows, by: tuple[str, str, str]) -> None:
        self._database.executemany(
            "INSERT INTO line VALUES (?, ?, ?, ?, ?)",
            ((kind, *(row[name] for name in by), json.dumps(row)) for row in rows),
        )

    def _sorted(self, kind: str) -> Iterator[dict[str, Any]]:
        found = self._database.execute(
            "SELECT content FROM line WHERE kind = ? ORDER BY a, b, c, rowid", (kind,)
        )
        return (json.loads(content) for (content,) in found)
