"""The stand-ins behave as what they stand in for."""

from __future__ import annotations

import json
import math
import pickle
import typing
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared import light

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Light(light.NamedTuple):
    """Documented."""

    first: str
    """So is this."""
    second: int = 2
    third: tuple[int, ...] = ()

    @property
    def both(self) -> str:
        return f"{self.first}{self.second}"

    @classmethod
    def named(cls, first: str) -> Light:
        return cls(first)


class Original(typing.NamedTuple):
    first: str
    second: int = 2
    third: tuple[int, ...] = ()


@given(value=VALUES, blank=st.sampled_from(["", " ", "\n\t"]))
def test_json_is_read_as_it_is_written(value: Any, blank: str) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert light.loads(f"{blank}{text}{blank}") == json.loads(text) == value
    assert light.loads(json.dumps(value).encode()) == value


@given(
    text=st.text() | st.sampled_from(["", "{", "[1,]", '"', "{} {}", '{"a": tru}', "\ufeff{}", '"\n"', "01"])
)
def test_what_is_no_json_is_refused_alike(text: str) -> None:
    assert outcome(light.loads, text) == outcome(json.loads, text)


def outcome(read: Callable[[str], Any], text: str) -> str:
    try:
        return repr(read(text))
    except ValueError as exc:
        return repr(exc)


@given(fields=st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text()))
def test_flat_json_is_what_json_writes(fields: dict[str, Any]) -> None:
    finite = {
        name: value for name, value in fields.items() if not isinstance(value, float) or math.isfinite(value)
    }
    assert light.flat_json(finite) == json.dumps(finite, ensure_ascii=False)


@pytest.mark.parametrize("kind", [Light, Original])
def test_named_tuples_are_alike(kind: Any) -> None:
    made = kind("a", third=(1,))
    assert made == ("a", 2, (1,)) == kind(first="a", second=2, third=(1,))
    assert (made.first, made.second, made[2]) == ("a", 2, (1,))
    assert kind._fields == ("first", "second", "third")
    assert made._asdict() == {"first": "a", "second": 2, "third": (1,)}
    assert made._replace(second=3) == kind("a", 3, (1,))
    assert type(kind._make(["a", 1, ()])) is kind
    assert repr(made) == f"{kind.__name__}(first='a', second=2, third=(1,))"
    assert type(pickle.loads(pickle.dumps(made))) is kind
    assert hash(made) == hash(("a", 2, (1,)))
    for wrong in (kind, lambda: kind("a", 1, (), 4), lambda: kind("a", fourth=4)):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises((TypeError, ValueError), match="fourth"):
        made._replace(fourth=4)
    with pytest.raises(AttributeError):
        made.first = "b"
    with pytest.raises(AttributeError):
        made.fourth = "b"


def test_named_tuples_have_what_their_class_says() -> None:
    assert Light.named("a").both == "a2"
    assert (Light.__doc__, Light.__module__, Light.__qualname__) == ("Documented.", __name__, "Light")


def test_only_the_errors_named_are_suppressed() -> None:
    with light.suppress(KeyError, OSError):
        raise FileNotFoundError
    with pytest.raises(ValueError, match="this"), light.suppress(KeyError, OSError):
        raise ValueError("this")


def test_signals_are_those_of_the_original() -> None:
    import signal

    for name in ("SIGTERM", "SIGINT", "SIGKILL", "SIGPIPE", "SIGXFSZ", "SIG_IGN"):
        assert getattr(light.signal, name) == getattr(signal, name)
