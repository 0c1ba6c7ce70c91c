from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_cli.starter import write_recipe
from ogdc_shared.errors import InvalidRecipeError, InvalidRequestError
from ogdc_shared.recipe.ids import name_problem
from ogdc_shared.recipe.recipe import load_recipe

NAMES = st.from_regex(r"[a-zA-Z0-9 .-]{1,40}", fullmatch=True).filter(lambda name: name_problem(name) is None)


@given(
    st.one_of(NAMES, st.sampled_from(["null", "Yes", "on", "1e5", "0x1f", "2024-01-01", "1.5", ".5", "-"]))
)
def test_recipe_of_any_name_is_valid_and_keeps_it(name: str) -> None:
    with tempfile.TemporaryDirectory() as parent:
        if name_problem(name) is not None:
            with pytest.raises(InvalidRecipeError):
                write_recipe(Path(parent, "x"), name=name)
            assert not Path(parent, "x").exists()
            return
        write_recipe(Path(parent, "x"), name=name)
        assert load_recipe(Path(parent, "x")).meta.name == name


@pytest.mark.parametrize("there", ["meta.yml", "recipe.sh", "places.csv"])
def test_what_is_there_is_kept(there: str, tmp_path: Path) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(InvalidRequestError, match=there):
        write_recipe(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(there, "mine")]
