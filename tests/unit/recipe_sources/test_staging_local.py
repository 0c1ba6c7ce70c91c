from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import (
    ForbiddenError,
    InvalidRecipeError,
    InvalidRequestError,
    OgdcError,
    RecipeNotFoundError,
)
from ogdc_shared.recipe_sources.staging import stage_recipe
from support.recipe_files import FILES, content, write_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path / "my recipe")


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "into"


def test_a_directory_is_copied(recipe: Path, into: Path) -> None:
    assert stage_recipe(str(recipe), into, allow_local=True) == into
    assert content(into) == FILES == content(recipe)


@pytest.mark.parametrize("form", ["file://{}", "file://localhost{}", "FILE://{}"])
def test_a_file_url_is_a_path(recipe: Path, into: Path, form: str) -> None:
    location = form.format(str(recipe).replace(" ", "%20"))
    assert content(stage_recipe(location, into, allow_local=True)) == FILES


def test_the_home_directory_is_known(recipe: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(recipe.parent))
    assert content(stage_recipe("~/my recipe", into, allow_local=True)) == FILES


def test_an_unknown_home_directory_is_named(into: Path) -> None:
    with pytest.raises(InvalidRequestError, match="~nobody-of-that-name/r: that home directory is not known"):
        stage_recipe("~nobody-of-that-name/r", into, allow_local=True)


def test_only_the_nested_recipe_is_copied(recipe: Path, into: Path) -> None:
    (recipe.parent / "other.txt").write_text("x")
    assert stage_recipe(str(recipe.parent), into, allow_local=True) == into
    assert content(into) == FILES


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_an_archive_is_unpacked(recipe: Path, into: Path, kind: str, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "archive"), kind, recipe.parent, recipe.name)
    staged = stage_recipe(archive, into, allow_local=True)
    assert (staged, content(staged)) == (into / recipe.name, FILES)


@pytest.mark.parametrize("location", ["/etc", "~/r", "r", "file:///etc", "file://etc/x", "/no/such/place"])
def test_local_recipes_are_forbidden_whether_or_not_they_are_there(into: Path, location: str) -> None:
    with pytest.raises(ForbiddenError, match="reads no recipes from its own disk"):
        stage_recipe(location, into, allow_local=False)
    assert not into.exists()


@pytest.mark.parametrize("location", ["recipe", "./recipe", "../recipe", "file://recipe/x"])
def test_a_relative_path_is_refused(into: Path, location: str) -> None:
    with pytest.raises(InvalidRequestError, match="give an absolute path"):
        stage_recipe(location, into, allow_local=True)


def test_what_is_no_recipe_is_said(recipe: Path, into: Path, tmp_path: Path) -> None:
    for location, complaint in (
        (tmp_path / "none", "the directory does not exist"),
        (recipe / "recipe.sh", "neither a directory nor an archive"),
        (recipe / "data", r"no meta.yml.*there is: big.bin, more"),
    ):
        with pytest.raises(RecipeNotFoundError, match=complaint):
            stage_recipe(str(location), into, allow_local=True)
        assert list(into.iterdir()) == []


def test_a_link_out_of_the_recipe_is_never_followed(recipe: Path, into: Path, tmp_path: Path) -> None:
    (recipe / "passwords").symlink_to("/etc/passwd")
    stage_recipe(str(recipe), tmp_path / "other", allow_local=True)
    assert not (tmp_path / "other/passwords").exists()
    with (recipe / "recipe.sh").open("a") as commands:
        commands.write('cp "$RECIPE_DIR/passwords" /output_dir/\n')
    with pytest.raises(InvalidRecipeError):
        stage_recipe(str(recipe), into, allow_local=True)
    assert list(into.iterdir()) == []


def test_an_existing_destination_is_not_changed(recipe: Path, into: Path) -> None:
    into.mkdir()
    (into / "mine").write_text("x")
    with pytest.raises(ValueError, match="not empty"):
        stage_recipe(str(recipe), into, allow_local=True)
    assert content(into) == {"mine": b"x"}


@pytest.mark.parametrize(
    "location",
    ["", "a\0b", "/a\nb", "x" * 3000, "\ud800"],
)
def test_a_location_that_is_none_is_refused(into: Path, location: str) -> None:
    for allow_local in (True, False):
        with pytest.raises(InvalidRequestError):
            stage_recipe(location, into, allow_local=allow_local)


@pytest.mark.parametrize(
    "scheme", ["memory", "local", "dir", "git", "sftp", "data", "tar", "simplecache::https", "zip::file"]
)
def test_an_unknown_scheme_says_what_works(into: Path, scheme: str) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"is not supported.*github://.*s3://.*https://.*\.tar\.gz.*gs://"
    ):
        stage_recipe(f"{scheme}:///etc/passwd", into, allow_local=False)
    assert list(into.iterdir()) == []


@pytest.mark.parametrize(
    "location", ["https://me:secret@host/r.zip", "http://token@host/", "ftp://a:b@host/r"]
)
def test_a_password_is_refused_and_not_repeated(into: Path, location: str) -> None:
    with pytest.raises(InvalidRequestError, match="may not contain a user name or password") as caught:
        stage_recipe(location, into, allow_local=False)
    assert not any(part in str(caught.value) for part in ("@", "secret", "token", "a:b"))


@given(location=st.text(alphabet="/.~:%@#?[]afile0 \\\n", max_size=30))
def test_any_location_ends_in_a_clear_error(location: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(OgdcError):
        stage_recipe(location, tmp_path_factory.getbasetemp() / "never", allow_local=False)
