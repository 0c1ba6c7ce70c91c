"""Inputs that would have one name are refused before anything is fetched, and can be given others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.inputs.resolve import resolve_inputs
from ogdc_shared.plan import Checksum, InputFile
from ogdc_shared.recipe.recipe import Recipe, load_recipe
from support.recipes import inputs, make_recipe

H = "https://example.org"


def load(directory: Path, *params: dict[str, Any], urls: str = "", **changes: Any) -> Recipe:
    files = {"urls.txt": urls, "data/sic.tif": "x"}
    return load_recipe(make_recipe(directory / "recipe", input=inputs(*params), files=files, **changes))


def url(value: str, **more: str) -> dict[str, Any]:
    return {"type": "url", "value": value} | more


@pytest.mark.parametrize(
    "params",
    [
        [url(f"{H}/2021/sic.tif"), url(f"{H}/2022/sic.tif")],
        [url(f"{H}/a.tif", name="sic.tif"), url(f"{H}/2022/s%69c.tif")],
        [url(f"{H}/sic.tif"), {"type": "file", "path": "data/sic.tif"}],
        [url(f"{H}/sic.tif", directory="x"), url(f"{H}/b/sic.tif", directory="x/")],
        [url(f"{H}/2021/sic.tif?v=1"), url(f"{H}/2022/sic.tif?v=1")],
        [url(f"{H}/a.tif", directory="./sic.tif/a/."), url(f"{H}/b/sic.tif")],
    ],
)
def test_inputs_with_the_same_name_are_reported_with_advice(
    tmp_path: Path, params: list[dict[str, Any]]
) -> None:
    with pytest.raises(
        InvalidRecipeError, match=r"params\[1\]: .*sic\.tif.*params\[0\].*name: or directory:"
    ):
        load(tmp_path, *params)


@pytest.mark.parametrize(
    "params",
    [
        [url(f"{H}/2021/sic.tif", name="a.tif"), url(f"{H}/2022/sic.tif")],
        [url(f"{H}/2021/sic.tif", directory="2021"), url(f"{H}/2022/sic.tif")],
        [url(f"{H}/sic.tif?v=1"), url(f"{H}/sic.tif?v=2")],
        [url(f"{H}/a.tif", directory="x/sic.tif"), url(f"{H}/sic.tif"), url(f"{H}/b.tif", directory="x")],
        [url(f"{H}/1/content"), url(f"{H}/2/content")],
        [url(f"{H}/get.php?id=1"), url(f"{H}/b/get.php?id=1")],
    ],
)
def test_inputs_that_may_get_different_names_are_accepted(
    tmp_path: Path, params: list[dict[str, Any]]
) -> None:
    load(tmp_path, *params)


def test_a_file_with_the_name_of_a_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipeError) as caught:
        load(tmp_path, url(f"{H}/sic", name="d"), url(f"{H}/a.tif", directory="d/e"))
    assert "input.params[0]: its file would be called 'd', as the directory of input.params[1]" in str(
        caught.value
    )


def test_url_lists_are_checked_line_by_line(tmp_path: Path) -> None:
    urls = "".join(f"{H}/{year}/{month}.tif\n" for year in (1, 2) for month in range(20))
    with pytest.raises(InvalidRecipeError) as caught:
        load(tmp_path, {"type": "url_list", "file": "urls.txt"}, urls=urls)
    assert len(caught.value.problems) == 10
    assert "urls.txt: line 21: its file would be called '0.tif', as that of urls.txt, line 1" in str(
        caught.value
    )


def test_partitions_may_have_inputs_with_the_same_name(tmp_path: Path) -> None:
    parallel = {"type": "shell", "parallel": {"enabled": True, "partition_size": 1}}
    load(tmp_path, url(f"{H}/2021/sic.tif"), url(f"{H}/2022/sic.tif"), workflow=parallel)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("name", "a/b.tif", "is not a file name"),
        ("name", "..", "is not a file name"),
        ("name", "é" * 200, "is not a file name"),
        ("name", "a\nb", "control character"),
        ("directory", "/tmp", "is not a directory below"),
        ("directory", "a/../b", "is not a directory below"),
        ("directory", "a//b", "is not a directory below"),
        ("directory", "./.", "is not a directory below"),
        ("checksum", "crc32:00000000", "names no kind of checksum"),
        ("checksum", "sha256:12", "is not a sha256 checksum, which has 64 hex digits"),
        ("checksum", "9f86d0", "names no kind of checksum"),
    ],
)
def test_places_and_checksums_are_checked(tmp_path: Path, key: str, value: str, words: str) -> None:
    with pytest.raises(InvalidRecipeError, match=words):
        load(tmp_path, url(f"{H}/a.tif", **{key: value}))


def test_attributes_of_inputs_are_passed_on(tmp_path: Path) -> None:
    recipe = load(
        tmp_path,
        url("s3://bucket/a/b.tif", name="c.tif", directory="d/e", checksum="MD5:" + "A" * 32),
        url("s3://my.bucket/a b.tif".replace(" ", "%20")),
        url("gs://bucket/b.tif"),
        {"type": "file", "path": "data/sic.tif", "name": "x", "directory": "y"},
    )
    assert list(resolve_inputs(recipe, dataone_node_url=None)) == [
        InputFile(
            "https://bucket.s3.amazonaws.com/a/b.tif",
            name="c.tif",
            directory="d/e",
            checksum=Checksum("md5", "a" * 32),
        ),
        InputFile("https://s3.amazonaws.com/my.bucket/a%20b.tif"),
        InputFile("https://storage.googleapis.com/bucket/b.tif"),
        InputFile("data/sic.tif", kind="recipe", name="x", directory="y", size=1),
    ]
