from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.triggers.patterns import matches


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("**", "a"),
        ("**", "a/b/c"),
        ("*.tif", "a.tif"),
        ("tiles/**/*.tif", "tiles/a.tif"),
        ("tiles/**/*.tif", "tiles/1/2/a.tif"),
        ("tiles/**", "tiles/1/2"),
        ("a/?/[xy]", "a/1/y"),
        ("a", "a"),
        ("/a", "/a"),
        ("**/**/a", "a"),
    ],
)
def test_a_key_of_a_pattern(pattern: str, key: str):
    assert matches(pattern, key)


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("*.tif", "x/a.tif"),
        ("*.tif", "a.TIF"),
        ("tiles/**/*.tif", "other/a.tif"),
        ("tiles/*", "tiles/a/b"),
        ("a/?", "a/12"),
        ("a", "a/"),
        ("a.c", "abc"),
    ],
)
def test_a_key_of_none(pattern: str, key: str):
    assert not matches(pattern, key)


@given(key=st.text(min_size=1))
def test_every_key_is_of_any_depth(key: str):
    assert matches("**", key)


@pytest.mark.parametrize("pattern", ["*a" * 200, "**/a/" * 100 + "b", "**/" * 170])
def test_no_pattern_takes_long(pattern: str):
    started = time.perf_counter()
    matches(pattern, "a" * 1000)
    matches(pattern, "a/" * 500)
    assert time.perf_counter() - started < 20
