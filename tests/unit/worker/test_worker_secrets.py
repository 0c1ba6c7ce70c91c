"""Secrets are given to commands and never shown."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.plan import Plan
from ogdc_worker import report
from ogdc_worker.process.command import run_command
from ogdc_worker.process.execution import Execution
from ogdc_worker.process.paths import ProcessPaths
from ogdc_worker.secrets import Mask, read_secrets

_VALUE = st.text('abAB*\n"é ', min_size=4, max_size=12).filter(lambda text: len(text.strip()) >= 4)
_COLOURS = (b"\x1b[1m", b"\x1b[01;31m", b"\x1b[0m", b"\x1b[K")
_VALUES = st.lists(_VALUE, min_size=1, max_size=4)


@given(values=_VALUES, noise=st.lists(st.text("abAB*\n é", max_size=8), max_size=6), data=st.data())
def test_secrets_are_masked_in_any_chunks(values: list[str], noise: list[str], data: st.DataObject) -> None:
    words = data.draw(st.lists(st.sampled_from([*values, *noise]), max_size=12))
    stream = "|".join(words).encode()
    edges = sorted({0, len(stream), *data.draw(st.lists(st.integers(0, len(stream)), max_size=8))})
    mask = Mask(values)
    shown = b"".join(mask.feed(stream[a:b]) for a, b in pairwise(edges)) + mask.feed(b"", last=True)
    assert shown == Mask(values).feed(stream, last=True)
    assert not [value for value in values if value.encode() in shown.replace(b"***", b"\0")]


@given(value=_VALUE, colours=st.lists(st.sampled_from(_COLOURS)), data=st.data())
def test_secrets_are_masked_in_any_colours(value: str, colours: list[bytes], data: st.DataObject) -> None:
    """`grep --color` writes colours into values, and `logs` leaves the colours out."""
    stream = b"|".join((value.encode(), b"", value.encode()))
    for colour in colours:
        at = data.draw(
            st.sampled_from([i for i, byte in enumerate(stream) if chr(byte) not in "\x1b[;0123mK"])
        )
        stream = stream[:at] + colour + stream[at:]
    edges = sorted({0, len(stream), *data.draw(st.lists(st.integers(0, len(stream)), max_size=8))})
    mask = Mask([value])
    shown = b"".join(mask.feed(stream[a:b]) for a, b in pairwise(edges)) + mask.feed(b"", last=True)
    assert shown == Mask([value]).feed(stream, last=True)
    for colour in _COLOURS:
        shown = shown.replace(colour, b"")
    assert value.encode() not in shown.replace(b"***", b"\0")


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_all_else_passes_as_it_is(stream: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    mask = Mask(["Zq9Zq9Zq9Zq9secret"])
    assert b"".join(mask.feed(stream[a:b]) for a, b in pairwise(edges)) + mask.feed(b"", last=True) == stream


def test_other_forms_of_a_secret_are_hidden_too() -> None:
    mask = Mask(['p/w "é', "line one\nline two"])
    for text in (
        "p%2Fw%20%22%C3%A9",
        "p/w%20%22%C3%A9",
        "p%2Fw+%22%C3%A9",
        json.dumps('p/w "é'),
        "see line two",
    ):
        assert "***" in mask.text(text)


def test_short_values_are_not_masked(tmp_path: Path) -> None:
    assert Mask(["yes", ""]).text("yes, of course") == "yes, of course"


def test_secrets_are_read_as_kubernetes_mounts_them(tmp_path: Path) -> None:
    for name, value in (("TOKEN", "abc\n"), ("..data", "x"), ("not-a-name", "x")):
        (tmp_path / "earthdata").mkdir(exist_ok=True)
        (tmp_path / "earthdata" / name).write_text(value)
    assert read_secrets(str(tmp_path)) == {"TOKEN": "abc"}


def test_a_secret_and_a_parameter_of_one_name_run_nothing(tmp_path: Path) -> None:
    (tmp_path / "earthdata").mkdir()
    (tmp_path / "earthdata" / "TOKEN").write_text("abcd")
    plan = Plan("seals", (), variables=(("TOKEN", "mine"),))
    paths = ProcessPaths(secrets=str(tmp_path))
    with pytest.raises(InvalidRecipeError, match="TOKEN comes from a secret and from a parameter"):
        Execution(plan, paths, cast("Any", None))


def test_what_a_command_prints_is_masked_in_the_log_and_in_what_is_kept_of_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    script = "printf 'one s3cr'; sleep 0.2; printf '3tvalue two\\n'; printf 's3cr' >&2; exit 3"
    outcome = run_command(script, environment={"PATH": "/usr/bin:/bin"}, mask=Mask(["s3cr3tvalue"]))
    assert outcome.output == "one *** two\ns3cr"
    assert capfd.readouterr().out == "one *** two\ns3cr\n"


def test_events_and_messages_are_masked(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "_mask", None)
    report.hide(['s3cr"3t'])
    reporter = report.Reporter(last_words_file=str(tmp_path / "words"))
    reporter.event("x", message='a s3cr"3t b')
    reporter.warn("kind", 'c s3cr"3t d')
    reporter.last_words('e s3cr"3t f')
    assert "s3cr" not in capfd.readouterr().out
    assert (tmp_path / "words").read_text() == "e *** f"
    assert reporter.warnings is not None
    assert "s3cr" not in reporter.warnings.to_text()
