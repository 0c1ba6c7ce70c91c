"""The store of results is bounded: unused results expire, and the least recently used are removed first."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import pytest

from ogdc_shared import layout
from ogdc_worker.reuse.collection import collect
from ogdc_worker.reuse.kept import FILES, About, KeptFile, described
from ogdc_worker.reuse.store import USED, Store
from support.crashes import crashes
from support.trees import plant, tree

KEYS = [f"{number:02x}" * 32 for number in range(6)]
SIZE = 1000


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Results of two scopes, each of which was taken last a day before the next."""
    for number, key in enumerate(KEYS):
        keep(tmp_path, key, days=len(KEYS) - number)
    return tmp_path


def keep(directory: Path, key: str, *, days: float) -> None:
    store = Store(str(directory / f"scope{int(key[:2], 16) % 2}"))
    draft = store.draft()
    plant(Path(draft, FILES), {"out.tif": key[:1].encode() * SIZE})
    store.add(draft, About(key, 1, (), described(f"{draft}/{FILES}", most=SIZE), run="r"))
    then = time.time() - days * 86_400
    os.utime(f"{store.directory}/{key[:2]}/{key}/{USED}", (then, then))


def found(directory: Path) -> list[str]:
    """The keys under which there is a result that can be taken."""
    left = []
    for key in KEYS:
        store = Store(str(directory / f"scope{int(key[:2], 16) % 2}"))
        if entry := store.find(key):
            with tempfile.TemporaryDirectory() as target:
                store.take(entry, f"{target}/taken", linked=False)
            left.append(key)
    return left


def test_the_least_recently_used_results_are_removed_first(directory: Path) -> None:
    assert collect(str(directory), most=2 * SIZE) == 4 * SIZE
    assert found(directory) == KEYS[4:]


def test_unused_results_expire_even_if_there_is_space(directory: Path) -> None:
    assert collect(str(directory), most=1 << 30, days=3) == 4 * SIZE
    assert found(directory) == KEYS[4:]


def test_reusing_a_result_keeps_it(directory: Path) -> None:
    store = Store(str(directory / "scope0"))
    entry = store.find(KEYS[0])
    assert entry is not None
    store.take(entry, str(directory / "taken"), linked=True)
    collect(str(directory), most=SIZE)
    assert found(directory) == [KEYS[0]]


def test_what_was_beside_the_outputs_is_kept_byte_by_byte_and_read_from_files_of_a_version_before(
    tmp_path: Path,
) -> None:
    content = {layout.JOURNAL: b'{"a": "\xff\\"}\n', layout.FACTS: "é\n".encode()}
    plant(tmp_path / "beside", content)
    store, names = Store(str(tmp_path / "scope")), (*content, layout.MISSING)
    for key, about in (
        (KEYS[0], About(KEYS[0], 1, (), ()).with_beside(str(tmp_path / "beside"), names)),
        (KEYS[1], About(KEYS[1], 1, (), ())),
    ):
        draft = store.draft()
        if about.beside is None:
            plant(Path(draft), content)
        store.add(draft, about)
        entry = store.find(key)
        assert entry is not None
        assert {name: entry.read(name) for name in names} == {**content, layout.MISSING: None}


def test_a_description_that_a_command_has_forged_grants_no_permissions_and_is_checked() -> None:
    about = About(KEYS[0], 1, (), (KeptFile("a", "file", 0o6777, 1, "0"),))
    assert About.from_json(about.to_json().encode()).files[0].mode == 0o777
    for damaged in (["a", "file", "x"], ["a", "file", 0, "1"], [["a"], "file", 0]):
        text = json.dumps({"key": KEYS[0], "commands": 1, "done": [], "files": [damaged]})
        with pytest.raises(ValueError, match="Cannot read the record"):
            About.from_json(text.encode())


def test_without_room_nothing_is_kept(directory: Path) -> None:
    collect(str(directory), most=0)
    assert found(directory) == []


def test_without_a_store_nothing_is_removed(tmp_path: Path) -> None:
    assert collect(str(tmp_path / "none"), most=0, days=1) == 0


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_each_result_whole_or_none_and_nothing_behind(directory: Path) -> None:
    def prepare() -> None:
        os.system(f"rm -rf {directory}/* {directory}/.draft-*")
        for number, key in enumerate(KEYS[:3]):
            keep(directory, key, days=3 - number)

    def action() -> None:
        collect(str(directory), most=SIZE)

    moments = 0
    for _ in crashes(prepare, action):
        moments += 1
        assert Store(str(directory / "scope0")).find(KEYS[2])  # to take it, and others, would tell when
        collect(str(directory), most=SIZE)
        assert found(directory) == [KEYS[2]]
        assert not [name for name in tree(directory) if ".draft-" in name]
    assert moments > 8
