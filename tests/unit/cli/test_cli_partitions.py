from __future__ import annotations

from typing import Any

import pytest

from ogdc_cli.partitions import rows, summary
from ogdc_shared.api.answers import Partition
from support.answers import run_detail


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "3 partitions of 7 files: 3 not started"),
        ({"partitions": 1, "input_files": 1, "input_bytes": 8}, "1 partition of 1 file, 8 B: 1 not started"),
        (
            {"partition_counts": {"Succeeded": 1, "Failed": 1}, "input_bytes": 3 * 2**30},
            "3 partitions of 7 files, 3.0 GiB: 1 Failed, 1 Succeeded, 1 not started",
        ),
        ({"partition_counts": {"Succeeded": 3}}, "3 partitions of 7 files: 3 Succeeded"),
        ({"input_files": None}, "3 partitions: 3 not started"),
        ({"partitions": None, "input_files": None}, "Its inputs are on volumes and not listed yet."),
    ],
)
def test_the_division_is_one_line(fields: dict[str, Any], line: str) -> None:
    run = run_detail(**{"partitions": 3, "input_files": 7} | fields)
    assert summary(run) == line


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (250 * 1024, "250 KiB"),
        (5 * 2**40, "5.0 TiB"),
        (2**60, "1048576 TiB"),
        (None, "?"),
    ],
)
def test_sizes_are_short(size: int | None, shown: str) -> None:
    partition = Partition(number=0, files=2, bytes=size, phase="Running", message=None)
    assert rows([partition])[1] == ("0", "2", shown, "Running", "")


def test_a_partition_that_has_not_started_is_shown_as_such() -> None:
    partition = Partition(number=4, files=None, bytes=None, phase=None, message=None)
    assert rows([partition])[1] == ("4", "?", "?", "not started", "")


def test_a_message_is_one_line_without_control_characters() -> None:
    message = "command 1 failed\n\x1b[2J" + "x" * 200
    partition = Partition(number=4, files=1, bytes=1, phase="Failed", message=message)
    shown = rows([partition])[1][4]
    assert shown.startswith("command 1 failed")
    assert len(shown) == 100
    assert shown.isprintable()
