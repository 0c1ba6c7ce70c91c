"""Warnings on their way: counted, bounded, and of what is read back nothing is believed but its form."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.run_warnings import (
    MAX_MESSAGE_CHARACTERS,
    MAX_OF_A_KIND,
    MAX_WARNINGS,
    RunWarnings,
    one_warning,
    read_warnings,
)

MESSAGES = st.lists(st.text(), max_size=30)


def warned(messages: list[str]) -> RunWarnings:
    warnings = RunWarnings()
    for message in messages:
        warnings = warnings.plus(one_warning("no_data", message))
    return warnings


@given(MESSAGES)
def test_what_was_written_is_read_back(messages: list[str]) -> None:
    warnings = warned(messages).of_partition(7)
    assert read_warnings(warnings.to_json()) == warnings


@given(MESSAGES, MESSAGES)
def test_adding_counts_all_and_keeps_the_first(one: list[str], other: list[str]) -> None:
    both = warned(one).plus(warned(other))
    assert both == warned(one + other)
    assert both.total == len(one) + len(other)
    assert len(both.first) == min(both.total, MAX_OF_A_KIND)


def test_what_happens_with_every_file_does_not_hide_what_happens_once() -> None:
    many = warned(["zero"] * 1000).plus(one_warning("gdal_error", "ERROR 4: x"))
    assert [each.kind for each in many.first] == ["no_data"] * MAX_OF_A_KIND + ["gdal_error"]
    assert many.total == 1001


def test_many_kinds_do_not_hide_another() -> None:
    """`shell_error` among them decides whether a result may be used again."""
    many = RunWarnings()
    for kind in "abcd":
        for message in range(MAX_OF_A_KIND):
            many = many.plus(one_warning(kind, str(message)))
    many = many.plus(one_warning("shell_error", "Killed")).plus(one_warning("a", "5"))
    assert [each.kind for each in many.first] == [*"aaaaabbbbbcccccdddd", "shell_error"]
    assert many.total == 22


@given(st.text())
def test_a_message_is_a_line_that_any_terminal_and_database_takes(text: str) -> None:
    (warning,) = one_warning("kind", text).first
    assert warning.message.isprintable()
    assert warning.message.isascii() or warning.message.encode()
    assert len(warning.message) <= MAX_MESSAGE_CHARACTERS


def test_a_long_message_keeps_its_ends() -> None:
    (warning,) = one_warning("kind", "begin " + "x" * 5000 + " end").first
    assert warning.message.startswith("begin x")
    assert warning.message.endswith("x end")


@pytest.mark.slow
def test_ten_thousand_warnings_travel_as_a_few() -> None:
    warnings = warned(["é" * 5000] * 10_000)
    assert warnings.total == 10_000
    assert len(warnings.to_json()) < 100_000


def test_people_read_the_count_and_a_line_for_each() -> None:
    assert warned(["a"]).to_text() == "1 warning:\n  - a"
    assert warned(["a"] * 7).to_text().splitlines() == ["7 warnings:", *["  - a"] * 5, "  - and 2 more"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["total", "first", "kind"]), inner),
)


@given(JSON.map(json.dumps) | st.text() | st.binary())
def test_anything_else_is_no_warning(forged: str | bytes) -> None:
    warnings = read_warnings(forged)
    assert len(warnings.first) <= warnings.total


def test_a_forged_list_is_cut_and_one_with_a_wrong_entry_left_out() -> None:
    entry = {"kind": "k\x1b[2J", "message": "m\x00\ud800\n" * 1000, "partition": None}
    (*_, last) = read_warnings(json.dumps({"total": 5, "first": [entry] * 50})).first
    assert last.message.isprintable()
    assert len(last.message) <= MAX_MESSAGE_CHARACTERS
    assert read_warnings(json.dumps({"total": 5, "first": [entry] * 50})).total == MAX_WARNINGS
    for wrong in ({"kind": 1}, {"message": None}, {"partition": -1}, {"partition": "1"}):
        assert read_warnings(json.dumps({"total": 1, "first": [entry | wrong]})) == RunWarnings()
