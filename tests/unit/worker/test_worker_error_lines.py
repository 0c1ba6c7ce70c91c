"""Finding the lines with the cause in the output of a failed program."""

from __future__ import annotations

import pytest

from ogdc_worker.process.error_lines import error_lines

USAGE = "\n".join(
    [
        "Usage: tool [--help] [-et <err_threshold>] <src> <dst>",
        *(f"  --option-{n}  unknown error" for n in range(80)),
    ]
)


@pytest.mark.parametrize(
    ("output", "chosen"),
    [
        (f"FAILURE: Unknown option name '-foo'\n{USAGE}", "FAILURE: Unknown option name '-foo'"),
        (f"{USAGE}\n\nFAILURE: No target filename specified.", "FAILURE: No target filename specified."),
        (f"usage: a.py [-h]\n{USAGE}\na.py: error: -x is required", "a.py: error: -x is required"),
        ("0...10...20\nERROR 4: `b.tif' not recognized\n", "ERROR 4: `b.tif' not recognized"),
        (
            "Traceback (most recent call last):\n  File x\nKeyError: 'a'\n\nDuring handling:\n\n"
            "Traceback (most recent call last):\n  File y\n    raise\nruntime.BadError: no tile\n",
            "runtime.BadError: no tile",
        ),
        (
            "reading a\ncp: cannot stat 'b': No such file or directory\ndone",
            "cp: cannot stat 'b': No such file or directory",
        ),
        ("bash: line 1: nosuch: command not found", "bash: line 1: nosuch: command not found"),
        ("bash: line 1: X: unbound variable", "bash: line 1: X: unbound variable"),
        ("FAILURE:\nUnable to open datasource `x.csv'.\n", "FAILURE: Unable to open datasource `x.csv'."),
        (
            "parallel: This job failed:\ngdalwarp b.tif c.tif\n",
            "parallel: This job failed: gdalwarp b.tif c.tif",
        ),
        (
            "tar (child): a.gz: Cannot open: No such file\n"
            "tar (child): Error is not recoverable: exiting now\n"
            "tar: Child returned status 2\ntar: Error is not recoverable: exiting now\n",
            "tar (child): a.gz: Cannot open: No such file",
        ),
        ("one\ntwo\nthree\nfour\n", "two\nthree\nfour"),
        ("10%\r50%\rlast state\n", "last state"),
        ("", ""),
        (" \n\t\n", ""),
    ],
)
def test_the_line_with_the_cause_is_chosen(output: str, chosen: str) -> None:
    assert error_lines(output) == chosen


def test_an_error_that_is_repeated_is_told_once_and_many_are_cut() -> None:
    output = "".join(f"ERROR 1: tile {n // 10}\n" for n in range(100))
    assert error_lines(output) == "ERROR 1: tile 0\nERROR 1: tile 1\nERROR 1: tile 2"
