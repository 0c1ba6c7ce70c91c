"""Ignored errors of a command are found in its output, in any chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_worker.process.unheeded_errors import Unheeded, UnheededErrors

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
        b"FAILURE:\nUnable to open datasource `a.gpkg'\n",
        b"FAILURE: No target datasource provided.\n",
        b"bash: line 1: TILE: unbound variable\n",
    ]
)
COUNTED = (b"ERROR 4", b"Warning 1: Can", b"0...", b"FAILURE", b"bash: ")


def looked(*pieces: bytes) -> list[Unheeded]:
    errors = UnheededErrors()
    for piece in pieces:
        errors.feed(piece)
    return errors.close()


@given(st.lists(LINES, max_size=8), st.lists(st.integers(0, 400), max_size=6))
def test_however_it_is_cut_the_same_errors_are_found(lines: list[bytes], cuts: list[int]) -> None:
    text = b"".join(lines)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    found = looked(*(text[start:end] for start, end in pairwise(places)))
    assert sum(each.lines for each in found) == sum(line.startswith(COUNTED) for line in lines)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (b"ERROR 4: x", "ERROR 4: x"),
        (b"0...10...ERROR 1: deep\n", "ERROR 1: deep"),
        (b"FAILURE:\nUnable to open datasource `a'\n  -> ESRIC\n", "FAILURE: Unable to open datasource `a'"),
        (b"\nFAILURE: No target datasource provided.\n", "FAILURE: No target datasource provided."),
        (b"FAILURE:\n", ""),
        (b"2 FAILURE: x\n", ""),
        (b"Warning 1: Can't open x. Skipping it\n", "Warning 1: Can't open x. Skipping it"),
        (b"2026-11-26 ERROR 404: Not Found.\n", ""),
        (b"Warning 1: TIFFFetchNormalTag\n", ""),
        (b"Warning 6: Normalized/laundered field name: 'averylong' to 'avery'\n", ""),
        (b"Warning 1: Field name of width 4000 truncated to 254.\n", ""),
        (
            b"Warning 1: Value 1e+300 of field v of feature 0 not successfully written.\n",
            "Warning 1: Value 1e+300 of field v of feature 0 not successfully written.",
        ),
        (
            b"Warning 1: Value 'aaa' of field t has been truncated to 2 characters.\n",
            "Warning 1: Value 'aaa' of field t has been truncated to 2 characters.",
        ),
        (
            b"Warning 1: It couldn't be converted correctly.\n",
            "Warning 1: It couldn't be converted correctly.",
        ),
        (b"x" * 100_000 + b"\nERROR 9: end\n", "ERROR 9: end"),
    ],
)
def test_only_gdal_s_own_lines_count(text: bytes, first: str) -> None:
    assert [each.first for each in looked(text)] == ([first] if first else [])


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (b"bash: line 1: x: unbound variable\n", ["shell_error"]),
        (b"bash: line 1:     5 Killed                  python3 a.py\n", ["shell_error"]),
        (b"environment: line 1: 26571 Killed                  oom\n", ["shell_error"]),
        (b"     26574 Killed                  | oom\n", ["shell_error"]),
        (b"/lib/strict.bash: line 35: 26583 Aborted                 (core dumped) oom\n", ["shell_error"]),
        (b"Killed\n", ["shell_error"]),
        (b"Segmentation fault (core dumped)\n", ["shell_error"]),
        (b"Killed 5 features\n", []),
        (b"5 Killed\n", []),
        (b"bash: line 1:     5 Terminated              sleep 9\n", []),
        (b'bash: line 1: 1/0: division by 0 (error token is "0")\n', ["shell_error"]),
        (b"bash: line 1: ${x!}: bad substitution", ["shell_error"]),
        (b"bash: line 1: gdal_traslate: command not found\n", []),
        (b"bash: line 1: 4711 Terminated   sleep 60\n", []),
        (b"my script says: unbound variable\n", []),
        (b"bash: line 1: x: unbound variable\nERROR 4: y\n", ["gdal_error", "shell_error"]),
    ],
)
def test_errors_after_which_bash_goes_on_are_told_apart(text: bytes, kinds: list[str]) -> None:
    assert sorted(each.kind for each in looked(text)) == kinds


def test_a_line_without_end_takes_no_memory() -> None:
    errors = UnheededErrors()
    for _ in range(1000):
        errors.feed(b"x" * 65536)
    assert len(errors._rest) <= 4096
