"""Cached inputs are not fetched again if they can be confirmed to be current."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.errors import InputNotFoundError, UnusableInputError
from ogdc_shared.plan import Checksum, InputFile
from ogdc_shared.servers.web import Web
from ogdc_worker.fetch import input_cache
from ogdc_worker.fetch.input_cache import InputCache
from ogdc_worker.fetch.inputs import Fetched, distrust, fetch_inputs, place_inputs
from ogdc_worker.fetch.partial_file import PartialFile
from ogdc_worker.reuse.remembered import Remembered, remember, request_digest
from support.http import Answer, FileServer

CONTENT = bytes(range(256)) * 500


class Runs:
    """Runs that fetch one after the other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kept = directory / "cache"
        self.kept.mkdir()
        self.cache = InputCache(str(self.kept), limit=1 << 20)
        self.count = 0

    def fetch(self, *files: str | InputFile, cache: bool = True) -> tuple[dict[str, bytes], list[Fetched]]:
        self.count += 1
        store, inputs = self.directory / f"fetch{self.count}", self.directory / f"input{self.count}"
        inputs.mkdir()
        fetched: list[Fetched] = []
        fetch_inputs(
            [InputFile(source=file) if isinstance(file, str) else file for file in files],
            store=str(store),
            recipe="",
            report=fetched.append,
            pause=lambda _: None,
            cache=self.cache if cache else None,
        )
        place_inputs(str(store), str(inputs))
        return {path.name: path.read_bytes() for path in inputs.iterdir()}, fetched


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served/a.bin").write_bytes(CONTENT)
    with FileServer(tmp_path / "served") as server:
        yield server


def _sent(server: FileServer) -> list[int]:
    return [request.status for request in server.requests]


def test_the_second_run_only_revalidates_the_cached_file(runs: Runs, server: FileServer) -> None:
    server.routes["/a.bin"] = _validated({"ETag": '"1"'})
    for expected in (False, True, True):
        files, fetched = runs.fetch(f"{server.url}/a.bin")
        assert (files, fetched[0].cached) == ({"a.bin": CONTENT}, expected)
    assert _sent(server) == [200, 304, 304]


@pytest.mark.parametrize(
    ("total", "free", "kept"),
    [
        (10 << 30, 2 << 30, True),
        (10 << 30, 1 << 30, False),
        (4 << 40, 6 << 30, True),
        (4 << 40, 5 << 30, False),
    ],
)
def test_some_of_the_disk_is_left_to_others(
    runs: Runs, server: FileServer, monkeypatch: pytest.MonkeyPatch, total: int, free: int, kept: bool
) -> None:
    disk = SimpleNamespace(f_frsize=1, f_blocks=total, f_bavail=free)
    monkeypatch.setattr("ogdc_worker.fetch.input_cache.os.statvfs", lambda _: disk)
    server.routes["/a.bin"] = _validated({"ETag": '"1"'})
    runs.fetch(f"{server.url}/a.bin")
    assert any(runs.kept.iterdir()) == kept


def test_last_modified_is_enough_to_revalidate(runs: Runs, server: FileServer) -> None:
    server.routes["/a.bin"] = _validated({"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"})
    runs.fetch(f"{server.url}/a.bin")
    assert runs.fetch(f"{server.url}/a.bin")[1][0].cached


def test_a_last_modified_within_the_same_second_is_not_enough(runs: Runs, server: FileServer) -> None:
    """The file may be changed once more in it, and its server would tell the same time.

    Here that second has yet to come, since no test may hang on when it is over.
    """
    now = {"Last-Modified": "Wed, 21 Oct 2099 07:28:00 GMT"}
    server.routes["/a.bin"] = _validated(now)
    runs.fetch(f"{server.url}/a.bin")
    server.routes["/a.bin"] = _validated(now, b"changed")
    assert runs.fetch(f"{server.url}/a.bin")[0] == {"a.bin": b"changed"}


AUTUMN, SUMMER = "Wed, 21 Oct 2015 07:28:00 GMT", "Tue, 21 Jul 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("before", "after", "content"),
    [
        ({"Last-Modified": AUTUMN}, {"Last-Modified": SUMMER}, CONTENT[::-1]),
        ({"Last-Modified": AUTUMN}, {"Last-Modified": AUTUMN}, b"shorter"),
        (
            {"Last-Modified": AUTUMN, "ETag": 'W/"1"'},
            {"Last-Modified": SUMMER, "ETag": 'W/"1"'},
            CONTENT[::-1],
        ),
    ],
    ids=["an older file", "another size", "a weak ETag"],
)
def test_a_file_wrongly_reported_as_unchanged_is_fetched_again(
    runs: Runs, server: FileServer, before: dict[str, str], after: dict[str, str], content: bytes
) -> None:
    """RFC 9110 has a server answer 304 if a file is not newer, and compare ETags weakly."""
    server.routes["/a.bin"] = _validated(before)
    file = InputFile(source=f"{server.url}/a.bin")
    assert [fetched[0].cached for _, fetched in (runs.fetch(file), runs.fetch(file))] == [False, True]
    store = str(runs.directory / "store")
    known = {"place": "a.bin", "checksum": "sha256:1", "size": len(CONTENT), "etag": "", "modified": ""}
    answer = {"etag": before.get("ETag", ""), "modified": before["Last-Modified"]}
    remember(store, [{"request": request_digest(file)} | known | answer])
    assert Remembered(store, Web(threads=1)).known([file]) == {file.source: ("a.bin", "sha256:1")}
    server.routes["/a.bin"] = _validated(after, content)
    assert runs.fetch(file)[0] == {"a.bin": content}
    assert Remembered(store, Web(threads=1)).known([file]) == {}


def test_a_changed_file_is_fetched_anew(runs: Runs, server: FileServer) -> None:
    server.routes["/a.bin"] = _validated({"ETag": '"1"'})
    runs.fetch(f"{server.url}/a.bin")
    server.routes["/a.bin"] = _validated({"ETag": '"2"'}, b"new")
    assert runs.fetch(f"{server.url}/a.bin")[0] == {"a.bin": b"new"}
    assert runs.fetch(f"{server.url}/a.bin")[1][0].cached


def test_files_that_cannot_be_revalidated_are_not_cached(runs: Runs, server: FileServer) -> None:
    server.routes["/a.bin"] = lambda _: Answer(body=CONTENT)
    runs.fetch(f"{server.url}/a.bin")
    assert not runs.fetch(f"{server.url}/a.bin")[1][0].cached
    assert list(runs.kept.iterdir()) == []


def test_a_cached_file_that_is_now_missing_or_forbidden_is_not_used(runs: Runs, server: FileServer) -> None:
    server.routes["/a.bin"] = _validated({"ETag": '"1"'})
    runs.fetch(f"{server.url}/a.bin")
    server.routes["/a.bin"] = lambda _: Answer(status=403)
    with pytest.raises(InputNotFoundError, match="403"):
        runs.fetch(f"{server.url}/a.bin")


def test_a_file_with_a_checksum_is_not_revalidated(runs: Runs, server: FileServer) -> None:
    server.routes["/a.bin"] = _validated({"ETag": '"1"'})
    right = Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())
    file = InputFile(f"{server.url}/a.bin", checksum=right)
    runs.fetch(file)
    assert runs.fetch(file)[1][0].cached
    assert _sent(server) == [200]
    with pytest.raises(UnusableInputError, match=r"its sha256 is .* instead of 0000"):
        runs.fetch(file._replace(checksum=Checksum("sha256", "0" * 64)))


def test_a_damaged_cache_entry_is_ignored(runs: Runs, server: FileServer) -> None:
    server.routes["/a.bin"] = _validated({"ETag": '"1"'})
    runs.fetch(f"{server.url}/a.bin")
    (entry,) = runs.kept.iterdir()
    os.truncate(entry / "body", 5)
    assert runs.fetch(f"{server.url}/a.bin")[0] == {"a.bin": CONTENT}
    (entry,) = runs.kept.iterdir()
    (entry / "about.json").write_text("[1]")
    assert runs.fetch(f"{server.url}/a.bin")[0] == {"a.bin": CONTENT}


def test_changes_to_a_runs_copy_do_not_affect_the_cache(runs: Runs, server: FileServer) -> None:
    server.routes["/a.bin"] = _validated({"ETag": '"1"'})
    runs.fetch(f"{server.url}/a.bin")
    runs.fetch(f"{server.url}/a.bin")
    for number in (1, 2):
        (runs.directory / f"input{number}/a.bin").write_bytes(b"poison")
    assert runs.fetch(f"{server.url}/a.bin")[0] == {"a.bin": CONTENT}


def test_files_that_a_command_may_have_written_are_not_cached(runs: Runs, server: FileServer) -> None:
    """A task that begins anew goes on with a partial file, which its commands could have written."""
    headers = {"ETag": '"1"', "Content-Range": f"bytes 4-{len(CONTENT) - 1}/{len(CONTENT)}"}
    server.routes["/a.bin"] = lambda _: Answer(status=206, headers=headers, body=CONTENT[4:])
    store = runs.directory / "fetch1"
    store.mkdir()
    with PartialFile(str(store / "0.part")).write(offset=0, validator='"1"') as part:
        part.write(b"evil")
    assert runs.fetch(f"{server.url}/a.bin")[0] == {"a.bin": b"evil" + CONTENT[4:]}
    server.routes["/a.bin"] = _validated({"ETag": '"1"'})
    files, fetched = runs.fetch(f"{server.url}/a.bin")
    assert (files, fetched[0].cached) == ({"a.bin": CONTENT}, False)


@pytest.mark.parametrize("name", ["", "0", "0/deeper/file", "0.part", "0.part.note"])
@pytest.mark.parametrize("make", [os.symlink, lambda _, place: os.mkfifo(place)], ids=["link", "pipe"])
def test_foreign_files_in_the_cache_are_removed(
    tmp_path: Path, name: str, make: Callable[[str, str], None]
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/body").write_text("of another run")
    place = tmp_path / "fetch" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    make(str(tmp_path / "cache"), str(place))
    distrust(str(tmp_path / "fetch"))
    assert os.listdir(tmp_path) == ["cache"]
    assert (tmp_path / "cache/body").read_text() == "of another run"


def test_files_written_by_a_fetch_are_kept(tmp_path: Path) -> None:
    left = tmp_path / "fetch/0/2021/a.tif"
    left.parent.mkdir(parents=True)
    left.touch()
    distrust(str(tmp_path / "fetch"))
    assert left.exists()


def test_the_cache_stores_server_names_but_no_urls(runs: Runs, server: FileServer) -> None:
    headers = {"ETag": '"1"', "Content-Disposition": 'attachment; filename="ice.tif"'}
    server.routes["/x"] = _validated(headers)
    for _ in range(2):
        assert list(runs.fetch(f"{server.url.replace('//', '//u:s3cr3t@')}/x")[0]) == ["ice.tif"]
    assert b"s3cr3t" not in b"".join(path.read_bytes() for path in runs.kept.rglob("*.json"))


def test_the_cache_can_be_disabled(runs: Runs, server: FileServer) -> None:
    server.routes["/a.bin"] = _validated({"ETag": '"1"'})
    for _ in range(2):
        runs.fetch(f"{server.url}/a.bin", cache=False)
    assert _sent(server) == [200, 200]


def test_a_small_entry_whose_content_did_not_reach_the_disk_is_fetched_again(
    runs: Runs, server: FileServer
) -> None:
    runs.fetch(f"{server.url}/a.bin")
    (body,) = runs.kept.glob("*/body")
    body.chmod(0o600)
    body.write_bytes(bytes(len(CONTENT)))
    files, fetched = runs.fetch(f"{server.url}/a.bin")
    assert (files, fetched[0].cached) == ({"a.bin": CONTENT}, False)


def test_the_cache_stays_within_its_limit_during_a_run(
    runs: Runs, server: FileServer, tmp_path: Path
) -> None:
    for number in range(20):
        (tmp_path / f"served/{number}.bin").write_bytes(bytes([number]) * 100_000)
    runs.fetch(*(f"{server.url}/{number}.bin" for number in range(20)))
    assert 0 < sum(body.stat().st_size for body in runs.kept.glob("*/body")) <= 1 << 20


@settings(deadline=None, max_examples=30)
@given(sizes=st.lists(st.integers(0, 120), min_size=1, max_size=30), limit=st.integers(1, 300))
def test_the_cache_stays_within_its_limit_and_evicts_unused_entries(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], limit: int
) -> None:
    directory = tmp_path_factory.mktemp("cache")
    cache = InputCache(str(directory), limit=limit)
    file = tmp_path_factory.mktemp("files") / "file"
    for number, size in enumerate(sizes):
        file.write_bytes(bytes(size))
        cache.keep(f"u{number}", str(file), etag='"1"', modified="", name=None)
        used = {entry: (entry / "about.json").stat().st_mtime_ns for entry in directory.iterdir()}
        for age, entry in enumerate(sorted(used, key=used.__getitem__)):
            os.utime(entry / "about.json", (1000 + age, 1000 + age))
        assert sum(path.stat().st_size for path in directory.glob("*/body")) <= limit
    newest = cache.find(f"u{len(sizes) - 1}")
    assert (newest is not None) == (sizes[-1] <= limit)
    if newest:
        newest.close()


def test_an_entry_replaced_while_it_is_opened_is_kept(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "f"

    def keep(content: bytes) -> None:
        file.write_bytes(content)
        runs.cache.keep("u", str(file), etag='"1"', modified="", name=None)

    def replaced_meanwhile(text: IO[str]) -> object:
        monkeypatch.setattr(input_cache.json, "load", load)
        keep(b"second")
        return load(text)

    load = input_cache.json.load
    keep(b"first")
    monkeypatch.setattr(input_cache.json, "load", replaced_meanwhile)
    assert runs.cache.find("u") is None, "half of it was gone"
    entry = runs.cache.find("u")
    assert entry is not None
    assert entry.size == len(b"second")
    entry.close()


def test_the_cache_can_be_used_concurrently(runs: Runs, tmp_path: Path) -> None:
    files = []
    for number in range(4):
        files.append(tmp_path / f"f{number}")
        files[-1].write_bytes(bytes([number]) * 5000)
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(30):
            runs.cache.keep("u", str(files[number]), etag=f'"{number}"', modified="", name=None)
            entry = runs.cache.find("u")
            if entry is not None:
                copy = str(tmp_path / f"copy{number}")
                entry.copy_to(copy)
                content = Path(copy).read_bytes()
                if content != bytes([int(entry.etag.strip('"'))]) * 5000:
                    wrong.append(f"{number} {turn}")
                entry.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _validated(headers: dict[str, str], body: bytes = CONTENT):  # type: ignore[no-untyped-def]
    """Answer as a server that knows whether a file was changed."""

    def answer(request):  # type: ignore[no-untyped-def]
        same = request.headers.get("If-None-Match") == headers.get("ETag", "none")
        since = request.headers.get("If-Modified-Since")
        if since and (modified := headers.get("Last-Modified")):
            same = same or parsedate_to_datetime(since) >= parsedate_to_datetime(modified)
        return Answer(status=304, headers=headers) if same else Answer(body=body, headers=headers)

    return answer
