"""A task does not run anything that was changed after the submission."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_shared.digests import HashTree, digest, leaf
from ogdc_shared.errors import IntegrityError
from ogdc_shared.plan import Command, InputFile, Partition, Plan, seal_pack
from ogdc_worker.expected import (
    Expected,
    check_recipe,
    directory_digest,
    read_partition,
    read_plan,
)

PLAN = Plan("tiles", (Command("true", 1),)).to_json().encode()
MANIFESTS = [Partition(n, (InputFile(f"https://data.example/{n}"),)).to_json().encode() for n in range(5)]
TREE = HashTree(map(leaf, MANIFESTS))
SEALED = [seal_pack(manifest, TREE.proof(n)) for n, manifest in enumerate(MANIFESTS)]


def expectation(number: int = 3) -> Expected:
    return Expected.from_words([f"plan={digest(PLAN)}", f"partition={number}", f"partitions={TREE.root}"])


def stored(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "stored"
    path.write_bytes(content)
    return str(path)


def test_unmodified_inputs_are_accepted(tmp_path: Path) -> None:
    assert read_plan(stored(tmp_path, PLAN), expectation()).recipe_id == "tiles"
    for number, manifest in enumerate(SEALED):
        assert read_partition(stored(tmp_path, manifest), expectation(number)).number == number


def test_a_partition_is_taken_from_its_pack(tmp_path: Path) -> None:
    packs = [b"\n".join(MANIFESTS[:3]), b"\n".join(MANIFESTS[3:])]
    tree = HashTree(map(leaf, packs))
    first, last = (seal_pack(pack, tree.proof(number)) for number, pack in enumerate(packs))
    for number in range(5):
        expected = Expected(partition=number, partitions=tree.root)
        own, other = (first, last) if number < 3 else (last, first)
        assert read_partition(stored(tmp_path, own), expected).files[0].source.endswith(str(number))
        for changed in (other, own.replace(b"data.example", b"evil.example", 1)):
            with pytest.raises(IntegrityError, match="list of inputs"):
                read_partition(stored(tmp_path, changed), expected)


def test_another_plan_is_refused_and_says_where_the_fault_lies(tmp_path: Path) -> None:
    changed = stored(tmp_path, PLAN.replace(b"true", b"evil"))

    with pytest.raises(IntegrityError, match=r"plan .* not what was submitted .* artifact store"):
        read_plan(changed, expectation())


@pytest.mark.parametrize(
    "manifest",
    [
        SEALED[3].replace(b"data.example", b"evil.example"),
        SEALED[4],
        MANIFESTS[3],
        seal_pack(MANIFESTS[3], TREE.proof(4)),
        MANIFESTS[3] + b"\n[1]",
        MANIFESTS[3] + b"\n[nonsense",
        seal_pack(MANIFESTS[3][:-1] + b', "files": []}', TREE.proof(3)),
        b"",
    ],
    ids=["changed", "another's", "without proof", "wrong proof", "no digests", "no JSON", "twice", "empty"],
)
def test_another_manifest_is_refused(tmp_path: Path, manifest: bytes) -> None:
    with pytest.raises(IntegrityError, match="list of inputs"):
        read_partition(stored(tmp_path, manifest), expectation())


def test_a_changed_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("print()")
    plan = Plan("tiles", (), recipe=directory_digest(str(tmp_path)))
    check_recipe(str(tmp_path), plan)

    (tmp_path / "numpy.py").write_text("import os")

    with pytest.raises(IntegrityError, match="recipe directory"):
        check_recipe(str(tmp_path), plan)


def test_workflows_of_the_previous_version_have_no_digests_and_run(tmp_path: Path) -> None:
    assert read_plan(stored(tmp_path, PLAN), Expected.from_words([])).recipe_id == "tiles"
    assert read_partition(stored(tmp_path, MANIFESTS[3]), Expected()).number == 3
    check_recipe(str(tmp_path), Plan("tiles", ()))


@pytest.mark.parametrize("words", [["what"], ["plans=1"], ["partition=x"]])
def test_invalid_expectations_are_rejected(words: list[str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  each in Python's own words
        Expected.from_words(words)
