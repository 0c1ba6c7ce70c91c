from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_cli.recipes import is_remote, mermaid, staged
from ogdc_shared.errors import RecipeNotFoundError
from ogdc_shared.plan import Command
from ogdc_shared.recipe.models import RecipeMeta
from ogdc_shared.recipe.recipe import Recipe
from support.recipes import good_meta, make_recipe


@pytest.mark.parametrize(
    ("recipe", "remote"),
    [
        ("github://org:repo@main/recipes/x", True),
        ("https://example.org/x.zip", True),
        ("s3://bucket/x", True),
        ("zip::s3://bucket/x.zip", True),
        ("recipes/x", False),
        ("file:///home/me/x", False),
        ("~/x", False),
    ],
)
def test_remote_locations_are_distinguished_from_local_files(recipe: str, remote: bool) -> None:
    assert is_remote(recipe) is remote


def test_a_directory_is_used_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_recipe(tmp_path / "home" / "x")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("home/x", "~/x", str(made), "home/../home/x/"):
        with staged(name) as directory:
            assert directory.resolve() == made


@pytest.mark.parametrize(
    ("name", "what"), [("gone", "does not exist"), ("~nobody-of-this-name/x", "does not exist")]
)
def test_directory_that_is_not_there_is_named(name: str, what: str) -> None:
    with pytest.raises(RecipeNotFoundError, match=f"{re.escape(name)}: {what}"), staged(name):
        pass


def test_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    meta = make_recipe(tmp_path / "x") / "meta.yml"
    with pytest.raises(RecipeNotFoundError, match="is a file; name the directory"), staged(str(meta)):
        pass


@given(st.text(min_size=1))
def test_commands_are_escaped_in_the_flowchart(text: str) -> None:
    meta = RecipeMeta.model_validate(good_meta())
    recipe = Recipe(id="x", meta=meta, directory=Path(), commands=(Command(text, line=1),), networked=False)
    drawn = mermaid(recipe).split("\n")
    assert len(drawn) == 6
    assert re.fullmatch(r'  n1\["1: [^"\[\]<>{}()|]*"\]', drawn[2])


def test_the_commands_of_a_parallel_recipe_are_drawn_as_a_group() -> None:
    meta = RecipeMeta.model_validate(good_meta(workflow={"parallel": {"enabled": True}}))
    recipe = Recipe(
        id="x", meta=meta, directory=Path(), commands=(Command("a", 1), Command("b", 2)), networked=False
    )
    assert (
        mermaid(recipe)
        == """\
flowchart TD
  n0["inputs: url"]
  subgraph files["for each file, in partitions side by side"]
  n1["1: a"]
  n2["2: b"]
  end
  n3["publish: pvc"]
  n0 --> n1
  n1 --> n2
  n2 --> n3"""
    )
