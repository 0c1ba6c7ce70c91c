from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared import layout
from ogdc_shared.config import StorageSettings
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.storage.directory import DirectoryStore
from ogdc_shared.storage.opening import open_store
from ogdc_shared.storage.store import check_key, check_prefix


@given(st.text() | st.text("./a\0\\ "))
def test_an_accepted_key_stays_below_its_root(key: str) -> None:
    try:
        check_key(key)
    except InvalidRequestError:
        return
    assert (Path("/root") / key).resolve().is_relative_to("/root")
    assert str(PurePosixPath(key)) == key
    assert not any(ord(character) < 32 for character in key)


@pytest.mark.parametrize(
    "key",
    [
        layout.snapshot_key("ab" * 32),
        layout.plan_key("my-recipe-abcde12345"),
        layout.pack_key("my-recipe-abcde12345", 0),
        layout.output_key("my-recipe-abcde12345", "my.recipe"),
    ],
)
def test_the_keys_of_the_layout_are_accepted(key: str) -> None:
    assert check_key(key) == key


def test_the_prefix_of_a_run_is_accepted() -> None:
    assert check_prefix(layout.run_prefix("my-recipe-abcde12345")) == "runs/my-recipe-abcde12345/"


@pytest.mark.parametrize("key", ["x" * 256, "/".join(["x" * 255] * 5), "é" * 128])
def test_a_key_too_long_for_a_file_or_for_s3_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequestError, match="longer than"):
        check_key(key)


def test_a_directory_in_the_settings_is_preferred_to_s3(tmp_path: Path) -> None:
    assert isinstance(open_store(StorageSettings(directory=str(tmp_path / "new"))), DirectoryStore)
    assert list(tmp_path.iterdir()) == []
