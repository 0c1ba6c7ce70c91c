"""Requests find the path of the table that werkzeug's rules would find."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

from ogdc_functions.http.matching import Paths, bare
from ogdc_shared.api.routes import ROUTES

TEMPLATES = (
    "/runs/{name}/narrow",
    "/runs/all",
    "/runs/{name}/{row}/of-{column}.png",
    *(route.path for route in ROUTES),
)
PATHS = Paths(TEMPLATES)
RULES = Map(
    [
        Rule(re.sub(r"\{(\w+)\}", r"<\1>", path.replace("{path}", "<path:path>")), endpoint=path)
        for path in dict.fromkeys(TEMPLATES)
    ],
    strict_slashes=False,
    merge_slashes=False,
).bind("localhost")
WORDS = sorted({word for path in TEMPLATES for word in path.split("/")})


def by_rules(path: str) -> object:
    path = bare(path)
    if not path.startswith("/") or path.startswith("//"):
        return None
    try:
        return RULES.match(path, "GET")
    except NotFound:
        return None


@given(
    st.lists(
        st.sampled_from(["", "x", "{name}", "api", ".", "ü %2F", "of-.png", "of-x.png", *WORDS]), max_size=7
    ).map("/".join)
)
def test_a_path_is_found_as_by_rules(path: str) -> None:
    for each in (path, f"/{path}", f"/api/{path}"):
        assert PATHS.find(each) == by_rules(each), each


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_path_of_the_table_is_found(template: str) -> None:
    path = template.replace("{path}", "a/b//c").replace("{", "a-").replace("}", "")
    found = PATHS.find(path)
    assert found == by_rules(path)
    assert found is not None
    assert found[0] == template


def test_what_stands_there_goes_before_parameters() -> None:
    assert PATHS.find("/runs/all") == ("/runs/all", {})
    assert PATHS.find("/runs/any/narrow") == ("/runs/{name}/narrow", {"name": "any"})


def test_a_line_break_is_part_of_a_name() -> None:
    assert Paths(["/outputs/{path}"]).find("/outputs/a/b\nc") == ("/outputs/{path}", {"path": "a/b\nc"})
