from __future__ import annotations

import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.telemetry.tracing import current, new_trace, read_trace, within

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_a_trace_context_is_read_and_passed_on_as_it_came():
    trace = read_trace(PARENT, "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE")

    assert trace is not None
    assert (trace.trace_id, trace.span_id, trace.flags) == (TRACE_ID, SPAN_ID, "01")
    assert trace.headers == {"traceparent": PARENT, "tracestate": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        7,
        PARENT.upper(),
        PARENT + "-more",
        PARENT + "\n",
        " " + PARENT,
        PARENT.replace("00-", "ff-", 1),
        PARENT.replace(TRACE_ID, "0" * 32),
        PARENT.replace(SPAN_ID, "0" * 16),
        PARENT[:-1],
        PARENT.replace("-", "_"),
        PARENT.replace("4bf", "{{x"),
        PARENT.replace("4", "\u0664"),
    ],
)
def test_what_is_none_counts_as_absent(parent: object):
    assert read_trace(parent) is None


@pytest.mark.parametrize("more", ["", "-what-the-future-brings"])
def test_a_later_version_is_read_as_far_as_it_is_known(more: str):
    trace = read_trace(PARENT.replace("00-", "cc-", 1) + more)

    assert trace is not None
    assert trace.parent == PARENT


def test_flags_that_are_not_known_are_not_passed_on():
    trace = read_trace(PARENT[:-2] + "ff")

    assert trace is not None
    assert trace.flags == "03"


@pytest.mark.parametrize(
    "state",
    [
        None,
        "no entry",
        "UPPER=1",
        "a=1,b",
        "a=\u00e4",
        "a=1\nb=2",
        "a=b=c",
        ",".join(f"k{number}=1" for number in range(33)),
        "a=" + "x" * 600,
    ],
)
def test_a_state_that_does_not_fit_is_dropped_alone(state: object):
    trace = read_trace(PARENT, state)

    assert trace is not None
    assert trace.headers == {"traceparent": PARENT}


@pytest.mark.parametrize(
    "state", ["a=1", "tenant@system=opaque value", "k-1_2*3/4=~!{{x}}", "a=1,,b=2", "\ta=1 "]
)
def test_one_that_fits_is_kept(state: str):
    trace = read_trace(PARENT, state)

    assert trace is not None
    assert trace.state


@given(st.text(), st.text())
def test_nothing_else_than_hex_digits_comes_through(parent: str, state: str):
    trace = read_trace(parent, state)
    assert trace is None or re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", trace.parent)


@given(st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", fullmatch=True))
def test_what_is_read_is_read_again(parent: str):
    trace = read_trace(parent)
    if trace is not None:
        assert read_trace(trace.parent) == trace


@pytest.mark.parametrize("recorded", [True, False])
def test_a_new_trace_is_a_valid_one_of_its_own(recorded: bool):
    trace = new_trace(recorded=recorded)

    assert read_trace(trace.parent) == trace
    assert trace.trace_id != new_trace().trace_id
    assert trace.flags == ("01" if recorded else "00")


def test_scopes_are_inside_each_other_and_end():
    trace = new_trace()
    with within(trace, run="seals"), within(event_id="1", event_source=None):
        assert current().trace == trace
        assert current().fields == {"run": "seals", "event_id": "1"}
    assert current().trace is None
    assert current().fields == {}


def test_each_thread_has_its_own():
    seen = []
    with within(run="seals"):
        thread = threading.Thread(target=lambda: seen.append(current().fields))
        thread.start()
        thread.join()
    assert seen == [{}]
