from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from ogdc_shared.recipe.forms import is_archive, names_in, recipe_roots


@pytest.mark.parametrize(
    ("paths", "roots"),
    [
        (["meta.yml", "a/meta.yml"], ["."]),
        (["seals/meta.yml", "seals/recipe.sh", "README"], ["seals"]),
        (["two/meta.yml", "one/meta.yml"], ["one", "two"]),
        (["deep/down/meta.yml", "meta.yaml"], []),
        ([], []),
    ],
)
def test_where_a_recipe_is(paths: list[str], roots: list[str], tmp_path: Path) -> None:
    assert recipe_roots(paths) == [PurePosixPath(root) for root in roots]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert recipe_roots(names_in(tmp_path)) == [PurePosixPath(root) for root in roots]


def test_archives_are_told_by_their_names() -> None:
    assert [name for name in ("a.tar.gz", "a.TGZ", "a.zip", "a.gz", "zip") if is_archive(name)] == [
        "a.tar.gz",
        "a.TGZ",
        "a.zip",
    ]
