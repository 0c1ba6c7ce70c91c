"""A band as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ogdc_shared.visualization.config import Statistic
from ogdc_visualization.web_tiles.palette import color_table, colors_of
from ogdc_visualization.web_tiles.png import Picture, paint, write_png

SHOWN = Statistic(name="x", weight_by="area", property="x", palette=["#fff", "#f000"], nodata_val=0)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"))


@pytest.mark.parametrize("values", [(0.0, 1.0, 2.0, 7.0), tuple(np.linspace(0, 3, 1024))])
def test_a_picture_has_the_colours_of_its_values_be_they_few_or_more_than_a_palette(
    values: tuple[float, ...], tmp_path: Path
) -> None:
    band = np.array(values).reshape(2, -1)
    write_png(tmp_path / "a.png", paint(band, colors_of(SHOWN), SHOWN.nodata_val, 1, 3))
    expected = color_table(["#fff", "#f000"])[((np.clip(band, 1, 3) - 1) * 127.5).astype(int)]
    expected[band == 0] = (255, 255, 255, 0)
    assert (read(tmp_path / "a.png") == expected).all()


def test_one_value_everywhere_has_a_colour(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", paint(np.full((2, 2), 5.0), colors_of(SHOWN), SHOWN.nodata_val, 5, 5))
    assert (read(tmp_path / "a.png") == (255, 255, 255, 255)).all()


def test_colours_that_are_there_twice_are_one_of_a_palette(tmp_path: Path) -> None:
    colors = np.zeros((400, 4), np.uint8)
    colors[:, 0] = np.arange(400) // 2
    indices = np.arange(400).reshape(20, 20)
    write_png(tmp_path / "a.png", Picture(indices, colors))
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
    assert (read(tmp_path / "a.png") == colors[indices]).all()
