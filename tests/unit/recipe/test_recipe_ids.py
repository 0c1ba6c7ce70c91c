from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.recipe.ids import MAX_LENGTH, NAME_PATTERN, name_problem, recipe_id

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")

names = st.text(alphabet="aZ09 .-", min_size=1, max_size=150)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Seal tags", "seal-tags"),
        ("a", "a"),
        ("Water  2023", "water--2023"),
        ("Data v1.2", "data-v1.2"),
        ("SEA-ICE", "sea-ice"),
        ("x" * 63, "x" * 63),
    ],
)
def test_an_id_is_the_name_in_lower_case_with_dashes_for_spaces(name: str, expected: str) -> None:
    assert recipe_id(name) == expected


@given(names)
@example("a" * 54 + " .b" * 20)
@example("a" * 53 + "-.b" + "c" * 20)
def test_an_id_is_always_a_valid_kubernetes_name(name: str) -> None:
    if name_problem(name) is None:
        made = recipe_id(name)
        assert SUBDOMAIN.fullmatch(made)
        assert len(made) <= MAX_LENGTH
        assert all(len(label) <= MAX_LENGTH for label in made.split("."))


@given(names)
def test_names_are_refused_exactly_where_no_valid_id_could_be_made(name: str) -> None:
    possible = SUBDOMAIN.fullmatch(name.lower().replace(" ", "-")) is not None
    assert (name_problem(name) is None) == possible
    assert (re.search(NAME_PATTERN, name) is not None) == possible


@given(st.text(max_size=80))
def test_no_other_character_gets_into_an_id(name: str) -> None:
    if name_problem(name) is None:
        assert SUBDOMAIN.fullmatch(recipe_id(name))


def test_long_names_with_the_same_beginning_stay_apart() -> None:
    one, other = recipe_id("a" * 80 + " one"), recipe_id("a" * 80 + " other")
    assert one != other
    assert len(one) == len(other) == 63
    assert one.startswith("a" * 54 + "-")


def test_a_long_name_gets_the_same_id_every_time() -> None:
    assert (
        recipe_id("Long " * 20 + "name") == "long-long-long-long-long-long-long-long-long-long-long-8f24b2dc"
    )


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("sea_ice", "cannot have '_' as character 4; use only the letters a to z"),
        ("Grönland", "cannot have 'ö' as character 3"),
        ("a/../b", "cannot have '/' as character 2"),
        ("a\nb", r"cannot have '\n' as character 2"),
        ("a\n", r"cannot have '\n' as character 2"),
        ("{{workflow.name}}", "cannot have '{' as character 1"),
        ("$(id)", r"cannot have '$' as character 1"),
        ("a;b", "cannot have ';' as character 2"),
        ("a\0", r"cannot have '\x00' as character 2"),
        ("İce", "cannot have 'İ' as character 1"),
        ("-a", "cannot have '-' as character 1; begin and end the name with a letter or digit"),
        (" a", "cannot have ' ' as character 1"),
        ("a ", "cannot have ' ' as character 2"),
        (".ogdc", "cannot have '.' as character 1"),
        ("..", "cannot have '.' as character 1"),
        ("a. b", "cannot have ' ' as character 3"),
        ("a-.b", "cannot have '-' as character 2"),
        ("a..b", "cannot have '.' as character 3"),
    ],
)
def test_a_name_that_cannot_be_an_id_is_refused_with_the_place(name: str, problem: str) -> None:
    with pytest.raises(InvalidRecipeError) as raised:
        recipe_id(name)
    assert str(raised.value).startswith(f"meta.yml: name: {name!r} {problem}")
