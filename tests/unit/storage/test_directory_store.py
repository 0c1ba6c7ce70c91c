from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from ogdc_shared.errors import ConfigurationError, StorageUnavailableError
from ogdc_shared.storage.directory import DirectoryStore
from ogdc_shared.storage.files import replacing
from ogdc_shared.storage.links import verify
from support.limits import largest_file
from support.small_disk import output_with_small_disk
from support.store_contract import StoreContract


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(
        tmp_path.with_name(f"{tmp_path.name}-artifacts"), url="http://localhost:1/", signing_key="secret"
    )


class TestDirectoryStore(StoreContract):
    pass


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_link_verifies_for_its_own_key(store: DirectoryStore) -> None:
    url = urlsplit(store.link("runs/a b/output/c+d.zip", seconds=60))
    key = unquote(url.path).removeprefix("/artifacts/")
    assert (url.scheme, url.netloc, key) == ("http", "localhost:1", "runs/a b/output/c+d.zip")
    verify(key, dict(parse_qsl(url.query)), secret="secret", now=time.time() + 58)


@pytest.mark.parametrize(
    ("settings", "variable"),
    [({"signing_key": "x"}, "OGDC_ARTIFACT_URL"), ({"url": "http://localhost"}, "OGDC_SIGNING_KEY")],
)
def test_a_link_needs_the_gateway(root: Path, settings: dict[str, str], variable: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        DirectoryStore(root, **settings).link("a", seconds=1)


def test_readers_see_whole_artifacts_while_writers_replace_them(root: Path) -> None:
    store = DirectoryStore(root)
    versions = {bytes([n]) * 200_000 for n in range(20)}
    store.put("a", min(versions))

    def write_all() -> None:
        for version in versions:
            store.put("a", version)

    writer = threading.Thread(target=write_all)
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(store.get("a"))
    writer.join()
    assert seen <= versions
    assert files(root) == ["a"]


def test_a_failing_source_leaves_nothing(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DirectoryStore(root).put("runs/a", tmp_path / "missing")
    assert not root.exists()


def test_a_key_below_another_artifact_is_a_clear_error(root: Path) -> None:
    store = DirectoryStore(root)
    store.put("a", b"x")
    with pytest.raises(StorageUnavailableError, match="writing artifact 'a/b' failed"):
        store.put("a/b", b"x")
    assert store.size("a/b") is None
    store.delete_prefix("a/")
    assert files(root) == ["a"]


def test_without_room_the_old_artifact_stays_and_nothing_else(root: Path) -> None:
    store = DirectoryStore(root)
    store.put("runs/a/plan.json", b"old")
    with (
        largest_file(100_000),
        pytest.raises(StorageUnavailableError, match=r"no room left .* 'runs/a/plan.json'"),
    ):
        store.put("runs/a/plan.json", bytes(300_000))
    assert store.get("runs/a/plan.json") == b"old"
    assert files(root) == ["runs/a/plan.json"]


def test_without_room_fetch_leaves_nothing(root: Path, tmp_path: Path) -> None:
    store = DirectoryStore(root)
    store.put("big", bytes(300_000))
    with largest_file(100_000), pytest.raises(StorageUnavailableError, match="no room left"):
        store.fetch("big", tmp_path / "into" / "big")
    assert files(tmp_path / "into") == []


def test_without_room_the_directory_is_named(tmp_path: Path) -> None:
    with largest_file(1000), pytest.raises(OSError, match=str(tmp_path)), replacing(tmp_path / "a") as file:
        file.write(bytes(3000))
    assert files(tmp_path) == []


FULL_DISK = """
set -e
mount -t tmpfs -o size=200k none "$1"
exec "$2" -c '
import sys
from pathlib import Path
from ogdc_shared.errors import StorageUnavailableError
from ogdc_shared.storage.directory import DirectoryStore
root = Path(sys.argv[1])
try:
    DirectoryStore(root).put("a", bytes(1_000_000))
except StorageUnavailableError as exc:
    print(exc)
print(list(root.iterdir()))
' "$1"
"""


def test_a_full_disk_is_named_and_left_clean(tmp_path: Path) -> None:
    message, left = output_with_small_disk(FULL_DISK, tmp_path)
    assert message.startswith("There is no room left on the disk for artifact 'a'; nothing was written.")
    assert left == "[]"


WRITER = """
import sys
from pathlib import Path
from ogdc_shared.storage.directory import DirectoryStore
store = DirectoryStore(Path(sys.argv[1]))
print("ready", flush=True)
for n in range(10**9):
    store.put("runs/a/plan.json", bytes([n % 256]) * 1_000_000)
"""


@pytest.mark.slow
def test_a_writer_killed_at_any_time_leaves_a_whole_artifact(root: Path) -> None:
    store = DirectoryStore(root)
    for delay in (0.0, 0.01, 0.05):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
        if store.size("runs/a/plan.json") is not None:
            content = store.get("runs/a/plan.json")
            assert content == content[:1] * 1_000_000
    store.delete_prefix("runs/a/")
    assert files(root) == []
