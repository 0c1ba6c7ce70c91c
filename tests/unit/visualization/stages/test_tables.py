"""The summaries of a map."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.stages.tables import Tables

ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 99), st.sampled_from("ab")), max_size=9)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(ROWS, max_size=4))
def test_rows_are_sorted_whatever_order_they_come_in(
    tmp_path_factory, several: list[list[tuple[int, int, str]]]
) -> None:
    config, output = VisualizationConfig(), tmp_path_factory.mktemp("tables")
    with Tables() as tables:
        for rows in several:
            staging = [{"tile_x": z, "tile_y": x, "filename": name} for z, x, name in rows]
            rasters = [{"z": z, "tile": f"Tile({x})", "path": name, "min": x / 7} for z, x, name in rows]
            tables.add(staging, rasters, [{"z": row["z"], "tile": "t", "path": "p"} for row in rasters])
        tables.write(config, output)
    every = [row for rows in several for row in rows]
    staged = [
        (int(row["tile_x"]), int(row["tile_y"]), row["filename"])
        for row in read(output, config, "staging_summary")
    ]
    assert staged == sorted(every)
    if every:
        found = [(int(row["z"]), row["tile"], row["path"]) for row in read(output, config, "rasters_summary")]
        assert found == sorted((z, f"Tile({x})", name) for z, x, name in every)
        assert {float(row["min"]) for row in read(output, config, "rasters_summary")} == {
            x / 7 for _, x, _ in every
        }
        numbers = [int(row["id"]) for row in read(output, config, "rasterization_events")]
        assert numbers == list(range(1, len(every) + 1))


def read(output: Path, config: VisualizationConfig, table: str) -> list[dict[str, str]]:
    with (output / getattr(config, f"filename_{table}")).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
