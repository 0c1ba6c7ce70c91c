"""What every artifact store does; each implementation's tests inherit these."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ogdc_shared.errors import InvalidRequestError, StorageUnavailableError
from ogdc_shared.storage.store import ArtifactNotFoundError, ArtifactStore


class StoreContract:
    """Inherit, and provide the fixture `store`: empty below runs/."""

    def test_gives_back_what_was_put(self, store: ArtifactStore) -> None:
        store.put("runs/a/plan.json", b"{}")
        assert store.get("runs/a/plan.json") == b"{}"
        assert store.size("runs/a/plan.json") == 2

    def test_puts_a_file_larger_than_one_part(self, store: ArtifactStore, tmp_path: Path) -> None:
        content = bytes(range(256)) * 80_000
        (tmp_path / "big").write_bytes(content)
        store.put("runs/a/output/big.zip", tmp_path / "big")
        assert store.size("runs/a/output/big.zip") == len(content)
        store.fetch("runs/a/output/big.zip", tmp_path / "new" / "copy")
        assert (tmp_path / "new" / "copy").read_bytes() == content

    def test_replaces_what_was_there(self, store: ArtifactStore) -> None:
        store.put("runs/a/x", b"longer than the second")
        store.put("runs/a/x", b"second")
        assert store.get("runs/a/x") == b"second"

    def test_keeps_an_empty_artifact(self, store: ArtifactStore) -> None:
        store.put("runs/a/empty", b"")
        assert store.get("runs/a/empty") == b""
        assert store.size("runs/a/empty") == 0

    def test_writes_many_and_holds_a_few(self, store: ArtifactStore) -> None:
        def key(number: int) -> str:
            return f"runs/a/partitions/{number}.json"

        def artifacts() -> Iterator[tuple[str, bytes]]:
            for number in range(100):
                if number >= 40:
                    assert store.size(key(number - 40)) is not None, "no more than 40 are held"
                yield key(number), str(number).encode()

        store.put_all(artifacts())
        assert [store.get(key(number)) for number in (0, 57, 99)] == [b"0", b"57", b"99"]

    def test_tells_of_one_among_many_that_cannot_be_written(self, store: ArtifactStore) -> None:
        with pytest.raises(InvalidRequestError, match="cannot be the key"):
            store.put_all([("runs/a/x", b""), ("../y", b""), ("runs/a/z", b"")])

    def test_says_what_is_not_there(self, store: ArtifactStore, tmp_path: Path) -> None:
        assert store.size("runs/none") is None
        with pytest.raises(ArtifactNotFoundError, match="'runs/none'"):
            store.get("runs/none")
        with pytest.raises(ArtifactNotFoundError) as caught:
            store.fetch("runs/none", tmp_path / "none")
        assert caught.value.key == "runs/none"
        assert list(tmp_path.iterdir()) == []

    def test_reads_a_part_of_what_was_described(self, store: ArtifactStore) -> None:
        content = bytes(range(256)) * 9000
        store.put("runs/a/x", content)
        described = store.describe("runs/a/x")
        assert described is not None
        assert described.size == len(content)
        for begin, end in ((0, len(content)), (5, 6), (1 << 20, len(content)), (7, 7)):
            pieces = list(store.read("runs/a/x", described, begin, end))
            assert b"".join(pieces) == content[begin:end]
            assert all(len(piece) <= 1 << 20 for piece in pieces)
        assert store.describe("runs/none") is None

    def test_does_not_read_on_in_what_was_replaced(self, store: ArtifactStore) -> None:
        store.put("runs/a/x", b"first")
        described = store.describe("runs/a/x")
        assert described is not None
        store.put("runs/a/x", b"second, longer")
        with pytest.raises(StorageUnavailableError, match="was replaced"):
            list(store.read("runs/a/x", described, 0, 5))
        store.delete_prefix("runs/a/")
        with pytest.raises(ArtifactNotFoundError):
            list(store.read("runs/a/x", described, 0, 5))

    def test_deletes_below_a_prefix_and_nothing_beside_it(self, store: ArtifactStore) -> None:
        for key in ("runs/a/plan.json", "runs/a/partitions/0.json", "runs/ab/plan.json"):
            store.put(key, b"x")
        store.delete_prefix("runs/a/")
        store.delete_prefix("runs/a/")
        assert [store.size(k) for k in ("runs/a/plan.json", "runs/a/partitions/0.json")] == [None, None]
        assert store.size("runs/ab/plan.json") == 1

    @pytest.mark.parametrize(
        "key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/.", "a\0b", "a\nb", "\ud800"]
    )
    def test_refuses_keys_that_lead_elsewhere(self, store: ArtifactStore, key: str, tmp_path: Path) -> None:
        for use in (
            lambda: store.put(key, b"x"),
            lambda: store.get(key),
            lambda: store.fetch(key, tmp_path / "x"),
            lambda: store.size(key),
            lambda: store.link(key, seconds=60),
            lambda: store.delete_prefix(f"{key}/"),
        ):
            with pytest.raises(InvalidRequestError, match="cannot be"):
                use()

    @pytest.mark.parametrize("prefix", ["", "/", "runs", "runs/a"])
    def test_refuses_a_prefix_that_could_match_more(self, store: ArtifactStore, prefix: str) -> None:
        with pytest.raises(InvalidRequestError, match="cannot be"):
            store.delete_prefix(prefix)

    def test_link_ends_in_the_file_name(self, store: ArtifactStore) -> None:
        url = store.link("runs/a/output/my recipe+1%.zip", seconds=60)
        assert urlsplit(url).path.endswith("/runs/a/output/my%20recipe%2B1%25.zip")
