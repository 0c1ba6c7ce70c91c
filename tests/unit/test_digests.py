"""One digest for any number of manifests, and one for the files of a directory."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.digests import HashTree, leaf, root_of
from ogdc_shared.plan import InputFile, Partition, seal_pack, split_pack
from ogdc_shared.recipe.bundle import content_digest, pack, unpack
from ogdc_worker.expected import directory_digest

MANIFESTS = st.lists(st.binary(max_size=8), min_size=1, max_size=40)
FILES = {"meta.yml": b"a", "recipe.sh": b"b", "deep/er/script.py": b"c", "deep/x": b""}


@given(MANIFESTS, st.data())
def test_the_proof_of_each_manifest_leads_to_the_root(manifests: list[bytes], data: st.DataObject) -> None:
    tree = HashTree(map(leaf, manifests))
    number = data.draw(st.integers(0, len(manifests) - 1))

    assert root_of(manifests[number], tree.proof(number)) == tree.root
    assert len(tree.proof(number)) <= (len(manifests) - 1).bit_length()


@given(MANIFESTS, st.binary(max_size=8), st.data())
def test_a_proof_does_not_fit_another_manifest(
    manifests: list[bytes], other: bytes, data: st.DataObject
) -> None:
    tree = HashTree(map(leaf, manifests))
    proof = tree.proof(data.draw(st.integers(0, len(manifests) - 1)))

    assert (root_of(other, proof) == tree.root) <= (other in manifests)


def test_a_pair_of_leaves_cannot_pass_for_a_manifest() -> None:
    tree = HashTree([leaf(b"one"), leaf(b"two")])

    assert root_of(leaf(b"one") + leaf(b"two"), []) != tree.root


def test_the_root_of_ten_thousand_takes_a_kilobyte_of_proof() -> None:
    tree = HashTree(leaf(b"%d" % number) for number in range(10_000))

    assert max(len(seal_pack(b"", tree.proof(number))) for number in (0, 5000, 9999)) < 1024


@given(st.lists(st.text(min_size=1, max_size=6), max_size=4))
def test_a_manifest_and_its_proof_are_told_apart(sources: list[str]) -> None:
    partition = Partition(7, tuple(map(InputFile, sources)))
    manifest = partition.to_json().encode()

    assert split_pack(seal_pack(manifest, ["Lab", "Rcd"])) == (manifest, b'["Lab", "Rcd"]')
    assert split_pack(manifest) == (manifest, b"")


def test_a_recipe_keeps_its_digest_when_it_is_packed_and_unpacked(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / "recipe" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "recipe" / name).write_bytes(content)
    bundle = pack(tmp_path / "recipe")
    unpack(bundle, tmp_path / "unpacked")

    assert content_digest(bundle) == directory_digest(str(tmp_path / "unpacked"))


def test_any_change_of_a_recipe_changes_it(tmp_path: Path) -> None:
    def changed(name: str, content: bytes | None) -> str:
        path = tmp_path / name
        if content is None:
            path.symlink_to("meta.yml")
        else:
            path.write_bytes(content)
        return directory_digest(str(tmp_path))

    digests = [
        changed("meta.yml", b"a"),
        changed("meta.yml", b"b"),
        changed("other", b""),
        changed("link", None),
    ]
    assert len(set(digests)) == len(digests)
