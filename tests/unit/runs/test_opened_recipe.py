"""Where a submitted recipe lies while it is looked at."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.support.crashes import killed
from tests.support.recipes import make_recipe

from ogdc_shared.config import Settings
from ogdc_shared.context import Context
from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.recipe.bundle import pack
from ogdc_shared.runs.recipes import RecipeSource, opened_recipe


def place_of(bundle: bytes) -> Path:
    """Open a recipe, and say where it lay; it is gone now."""
    with opened_recipe(Context(Settings(access_mode="open")), RecipeSource(bundle=bundle)) as recipe:
        directory = Path(recipe.directory)
        assert (directory / "meta.yml").is_file()
    assert not directory.exists()
    return directory.parent


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place for files in memory; others use the machine's own meanwhile."""
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr("ogdc_shared.runs.recipes._MEMORY", memory)
    return memory


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place for temporary files of those who are not given one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    return disk


def test_a_small_recipe_is_unpacked_in_memory(tmp_path: Path, memory: Path):
    assert place_of(pack(make_recipe(tmp_path / "recipe"))) == memory


@pytest.mark.parametrize(
    "files",
    [{"data/large.txt": bytes(600 * 1024)}, {f"data/{number}.txt": "few" for number in range(101)}],
    ids=["large", "many files"],
)
def test_a_large_recipe_is_unpacked_on_the_disk(
    files: dict[str, str | bytes], tmp_path: Path, disk: Path, memory: Path
):
    assert place_of(pack(make_recipe(tmp_path / "recipe", files=files))) == disk
    assert [*memory.iterdir()] == []


def test_the_operator_can_set_the_directory_of_unpacked_recipes(
    tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TMPDIR", str(disk))

    assert place_of(pack(make_recipe(tmp_path / "recipe"))) == disk


def test_problems_of_an_unpacked_recipe_are_reported_as_usual(tmp_path: Path):
    bundle = pack(make_recipe(tmp_path / "recipe"))

    with pytest.raises(InvalidRecipeError, match="bundle: is damaged or encrypted"):
        place_of(bundle[:-20])


def test_recipes_of_killed_processes_are_removed_from_memory(tmp_path: Path, memory: Path):
    bundle = pack(make_recipe(tmp_path / "recipe"))

    def be_killed() -> None:
        with opened_recipe(Context(Settings(access_mode="open")), RecipeSource(bundle=bundle)):
            os.kill(os.getpid(), signal.SIGKILL)

    assert killed(be_killed)
    assert [path.name.startswith("ogdc-bundle-") for path in memory.iterdir()] == [True]

    assert place_of(bundle) == memory
    assert [*memory.iterdir()] == []
