from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.globs import PathPattern, matches


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
def test_keys_of_a_pattern_match(pattern: str, key: str):
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
def test_a_pattern_does_not_match_other_keys(pattern: str, key: str):
    assert not matches(pattern, key)


@given(key=st.text(min_size=1))
def test_every_key_is_of_any_depth(key: str):
    assert matches("**", key)


NAMES = st.lists(st.sampled_from(["a", "b", "ab", "", "**"]), max_size=8)
PATTERNS = st.lists(st.sampled_from(["**", "a", "b", "*", "?", "[ab]", "*b", ""]), max_size=6)


def fits(pattern: list[str], names: list[str]) -> bool:
    """Match by trying every length of every `**`: plain to see, and exponential."""
    if not pattern:
        return not names
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        return any(fits(rest, names[at:]) for at in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], first) and fits(rest, names[1:])


@given(PATTERNS, NAMES)
def test_patterns_are_matched_as_by_trying_everything(pattern: list[str], names: list[str]) -> None:
    assert PathPattern(pattern).matches(names) == fits(pattern, names)


@pytest.mark.parametrize("pattern", ["*a" * 200, "**/a/" * 100 + "b", "**/" * 170 + "b", "**/a/**/b/" * 50])
def test_patterns_with_many_wildcards_are_decided_quickly(pattern: str):
    assert not matches(pattern, "a" * 1000 + "c")
    assert not matches(pattern, "a/" * 500)
