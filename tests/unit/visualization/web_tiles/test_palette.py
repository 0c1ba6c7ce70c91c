"""Palettes: the same colours as the packages used before."""

from __future__ import annotations

import numpy as np
import pytest

from ogdc_visualization.web_tiles.palette import color_table, rgba_of


@pytest.mark.parametrize(
    ("palette", "colors"),
    [
        (
            ["#edf8e9", "#a1d99b", "#41ab5d", "#005a32"],
            {
                0: (237, 248, 233),
                1: (236, 248, 232),
                85: (161, 217, 155),
                128: (117, 194, 123),
                255: (0, 90, 50),
            },
        ),
        (
            ["#66339952", "#d93fce", "#ffcc00"],
            {0: (102, 51, 153, 82), 128: (217, 63, 206, 255), 255: (255, 202, 1, 255)},
        ),
        ("blues", {4: (247, 251, 255), 254: (8, 48, 107)}),
    ],
)
def test_colours_match_the_previous_implementation(
    palette: list[str] | str, colors: dict[int, tuple[int, ...]]
) -> None:
    table = color_table(palette).astype(int)
    for index, color in colors.items():
        np.testing.assert_allclose(table[index][: len(color)], color, atol=1)


def test_colors_go_from_the_first_to_the_last() -> None:
    table = color_table(["black", "white"])
    assert table.shape == (256, 4)
    assert (np.diff(table[:, 0].astype(int)) >= 0).all()


def test_a_name_of_no_palette_is_an_error() -> None:
    with pytest.raises(ValueError, match="nosuch"):
        color_table("nosuch")


def test_a_colour_may_be_transparent() -> None:
    assert rgba_of("#ffffff00") == (255, 255, 255, 0)
