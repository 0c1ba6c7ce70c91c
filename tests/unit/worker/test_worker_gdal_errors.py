"""Errors of GDAL are found in what a command writes, however that is cut into pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_worker.process.gdal_errors import GdalErrors

LINES = st.sampled_from(
    [
        b"ERROR 4: a.tif: No such file or directory\n",
        b"Warning 1: Can't open b.tif. Skipping it\n",
        b"0...10...20ERROR 1: broken\n",
        b"100 - done.\r\n",
        b"no ERROR 4: here\n",
        b"Warning 1: nothing of it\n",
        b"\xff\xfe\x00\n",
        b"ERROR\n",
    ]
)
COUNTED = (b"ERROR 4", b"Warning 1: Can", b"0...")


def looked(*pieces: bytes) -> GdalErrors:
    errors = GdalErrors()
    for piece in pieces:
        errors.feed(piece)
    errors.close()
    return errors


@given(st.lists(LINES, max_size=8), st.lists(st.integers(0, 400), max_size=6))
def test_however_it_is_cut_the_same_errors_are_found(lines: list[bytes], cuts: list[int]) -> None:
    text = b"".join(lines)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    errors = looked(*(text[start:end] for start, end in pairwise(places)))
    assert errors.count == sum(line.startswith(COUNTED) for line in lines)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (b"ERROR 4: x", "ERROR 4: x"),
        (b"0...10...ERROR 1: deep\n", "ERROR 1: deep"),
        (b"Warning 1: Can't open x. Skipping it\n", "Warning 1: Can't open x. Skipping it"),
        (b"2026-11-26 ERROR 404: Not Found.\n", ""),
        (b"Warning 1: TIFFFetchNormalTag\n", ""),
        (b"x" * 100_000 + b"\nERROR 9: end\n", "ERROR 9: end"),
    ],
)
def test_only_gdal_s_own_lines_count(text: bytes, first: str) -> None:
    assert looked(text).first == first


def test_a_line_without_end_takes_no_memory() -> None:
    errors = GdalErrors()
    for _ in range(1000):
        errors.feed(b"x" * 65536)
    assert len(errors._rest) <= 4096
