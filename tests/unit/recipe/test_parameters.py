"""Parameters of recipes: what authors may declare, and which values runs may be given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.errors import InvalidRecipeError, InvalidRequestError
from ogdc_shared.recipe.parameter_models import RecipeParameter
from ogdc_shared.recipe.parameters import as_shown, as_variables, read_values
from ogdc_shared.recipe.recipe import load_recipe
from support.recipes import make_recipe

DECLARED = [
    RecipeParameter(name="YEAR", type="integer", minimum=1979, maximum=2026),
    RecipeParameter(name="CRS", default="EPSG:3413", pattern="^EPSG:[0-9]+$"),
    RecipeParameter(name="RES", type="number", default=0.5, minimum=0),
    RecipeParameter(name="MASK", type="boolean", default=False),
    RecipeParameter(name="BANDS", type="array", default=["red", 1]),
    RecipeParameter(name="AREA", type="object", default={}),
    RecipeParameter(name="METHOD", default="near", enum=("near", "cubic")),
]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([{"name": "PATH"}], "parameters[0].name: 'PATH' is a variable that shells, programs or tasks use"),
        ([{"name": "LD_PRELOAD"}], "'LD_PRELOAD' is a variable"),
        ([{"name": "http_proxy"}], "'http_proxy' is a variable"),
        ([{"name": "INPUT_FILE"}], "'INPUT_FILE' is a variable"),
        ([{"name": "OGDC_X"}], "'OGDC_X' is a variable"),
        ([{"name": "TRIGGER_KEY"}], "'TRIGGER_KEY' is a variable"),
        ([{"name": "EARTH_DATA"}], "'EARTH_DATA' is the name of a secret"),
        ([{"name": "1st"}], "'1st' is not a variable name"),
        ([{"name": "A\n"}], "is not a variable name"),
        ([{"name": "A"}, {"name": "A"}], "parameters[1].name: 'A' names two parameters"),
        ([{"name": "A", "type": "date"}], "parameters[0].type: 'date' cannot be used"),
        ([{"name": "A", "typ": "string"}], "parameters[0].typ: unknown key; did you mean type?"),
        ([{"type": "string"}], "parameters[0].name: is missing"),
        ({"A": {"type": "string"}}, "parameters: a mapping cannot be used; give a list"),
        ([{"name": "A", "type": "integer", "default": "1"}], "parameters[0].default: '1' is not of type"),
        ([{"name": "A", "type": "boolean", "default": 1}], "default: 1 is not of type boolean"),
        ([{"name": "A", "enum": ["a", 1]}], "parameters[0].enum: 1 is not of type string"),
        ([{"name": "A", "enum": []}], "parameters[0].enum: a list cannot be used; give at least one."),
        (
            [{"name": "A", "enum": ["a"], "default": "b"}],
            "default: 'b' is not one of the allowed values; give one of a.",
        ),
        ([{"name": "A", "type": "number", "maximum": 1, "default": 2}], "default: 2 is too large"),
        ([{"name": "A", "minimum": 1}], "minimum: is for integer and number, not for string; remove it."),
        ([{"name": "A", "type": "integer", "minimum": True}], "minimum: True is not a number"),
        ([{"name": "A", "type": "object", "pattern": "a"}], "pattern: is for string, not for object"),
        (
            [{"name": "A", "pattern": "(?=a)"}],
            "pattern: '(?=a)' is not a regular expression that is known here",
        ),
        ([{"name": "A", "pattern": "[a"}], "pattern: '[a' is not a regular expression"),
        ([{"name": f"A{n}"} for n in range(65)], "parameters: a list cannot be used"),
    ],
)
def test_an_invalid_parameter_is_reported_with_advice(tmp_path: Path, parameters: Any, message: str) -> None:
    workflow = {"type": "shell", "secrets": ["earth-data"]}
    with pytest.raises(InvalidRecipeError) as caught:
        load_recipe(make_recipe(tmp_path, parameters=parameters, workflow=workflow))
    assert any(message in problem for problem in caught.value.problems), caught.value


def test_a_recipe_of_a_map_has_no_parameters(tmp_path: Path) -> None:
    workflow = {"type": "visualization"}
    with pytest.raises(InvalidRecipeError, match="parameters: is for `type: shell`"):
        load_recipe(make_recipe(tmp_path, parameters=[{"name": "A"}], workflow=workflow))


def test_values_come_with_the_defaults_of_the_others() -> None:
    values = read_values(DECLARED, {"YEAR": 2021, "MASK": True})
    assert dict(as_variables(values)) == {
        "YEAR": "2021",
        "CRS": "EPSG:3413",
        "RES": "0.5",
        "MASK": "true",
        "BANDS": '["red",1]',
        "AREA": "{}",
        "METHOD": "near",
    }


def test_values_from_a_command_line_are_parsed() -> None:
    texts = {"YEAR": "2021", "RES": "1e1", "MASK": "false", "BANDS": '["é"]', "AREA": '{"a": [1]}'}
    assert read_values(DECLARED, texts) == read_values(
        DECLARED, {"YEAR": 2021.0, "RES": 10.0, "MASK": False, "BANDS": ["é"], "AREA": {"a": [1]}}
    )
    with pytest.raises(InvalidRequestError, match="parameter YEAR: '2021' is not of type integer"):
        read_values(DECLARED, texts, from_text=False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"YAER": 2021}, "parameter 'YAER': unknown parameter; meta.yml declares YEAR, CRS"),
        ({"YEAR": "soon"}, "parameter YEAR: 'soon' is not of type integer; give a whole number."),
        ({"YEAR": True}, "parameter YEAR: True is not of type integer"),
        ({"YEAR": 2021.5}, "parameter YEAR: 2021.5 is not of type integer"),
        ({"YEAR": None}, "parameter YEAR: None is not of type integer"),
        ({"YEAR": "9" * 5000}, "is not of type integer"),
        ({"YEAR": "[" * 5000}, "is not of type integer"),
        ({"YEAR": 1978}, "parameter YEAR: 1978 is too small; give at least 1979."),
        ({"YEAR": 2027}, "parameter YEAR: 2027 is too large; give at most 2026."),
        ({"RES": "NaN"}, "parameter RES: 'NaN' is not of type number"),
        ({"RES": float("inf")}, "parameter RES: inf is not of type number"),
        ({"CRS": "3413"}, "parameter CRS: '3413' does not match its pattern"),
        ({"CRS": 3413}, "parameter CRS: 3413 is not of type string; give a text."),
        (
            {"METHOD": "bilinear"},
            "parameter METHOD: 'bilinear' is not one of the allowed values; give one of near, cubic.",
        ),
        ({"MASK": "yes"}, "parameter MASK: 'yes' is not of type boolean; give true or false."),
        ({"BANDS": "red"}, "parameter BANDS: 'red' is not of type array"),
        ({"BANDS": [float("nan")]}, "contains characters that cannot be encoded"),
        ({"AREA": {"a": "\ud800"}}, "contains characters that cannot be encoded"),
        ({"METHOD": "a\0b"}, "contains a control character"),
        ({"METHOD": "a" * 8193}, "has 8,193 bytes; give at most 8,192"),
    ],
)
def test_a_value_that_a_parameter_does_not_take_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_values(DECLARED, {"YEAR": 2021} | wrong)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_parameter_without_a_default_has_to_be_given() -> None:
    with pytest.raises(InvalidRequestError, match="parameter YEAR: is missing"):
        read_values(DECLARED, {})


def test_all_invalid_values_are_reported_together() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_values(DECLARED, {"CRS": "x", "Z": 1})
    assert len(str(caught.value).splitlines()) == 3


def test_matching_a_pattern_takes_linear_time() -> None:
    hostile = RecipeParameter(name="A", pattern="^(a+)+$")
    with pytest.raises(InvalidRequestError, match="does not match"):
        read_values([hostile], {"A": "a" * 8000 + "!"})


def test_secret_values_are_not_shown() -> None:
    values = {"A": "https://me:pw@host/x?token=1", "B": [{"c": "https://host/?sig=2"}], "C": 1}
    assert as_shown(values) == {
        "A": "https://***@host/x?token=***",
        "B": [{"c": "https://host/?sig=***"}],
        "C": 1,
    }


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)
def test_accepted_values_become_equivalent_variables(value: Any) -> None:
    for kind in ("string", "integer", "number", "boolean", "array", "object"):
        parameter = RecipeParameter(name="A", type=kind)
        try:
            values = read_values([parameter], {"A": value}, from_text=False)
        except InvalidRequestError:
            continue
        [(_, text)] = as_variables(values)
        assert "\0" not in text
        assert (text if kind == "string" else json.loads(text)) == value
        assert read_values([parameter], {"A": text}) == values
