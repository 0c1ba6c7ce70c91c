"""Fetching from real servers that fail in every way servers do."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ogdc_shared import connections
from ogdc_shared.errors import (
    InputNotFoundError,
    OgdcError,
    SourceUnavailableError,
    UnsupportedError,
    UnusableInputError,
)
from ogdc_shared.plan import Checksum, InputFile
from ogdc_worker.fetch.download import ATTEMPTS, FIRST_PAUSE, NAME_ATTEMPTS
from ogdc_worker.fetch.inputs import THREADS, Fetched, fetch_inputs, place_inputs
from ogdc_worker.fetch.partial_file import SYNCED_BYTES
from ogdc_worker.fetch.recipe_files import copy_files
from support.ftp import ftp_server
from support.http import Answer, FileServer, Request, closed_port
from support.trickle import answering, endless_body, endless_trailers

CONTENT = bytes(range(256)) * 1200


class Fetching:
    """`fetch_inputs` and `place_inputs` in directories of their own; waits for nobody."""

    def __init__(self, directory: Path) -> None:
        self.store = directory / "fetch"
        self.inputs = directory / "input_dir"
        self.recipe = directory / "recipe"
        self.inputs.mkdir(parents=True)
        self.recipe.mkdir()
        self.pauses: list[float] = []
        self.pause: Callable[[float], None] = self.pauses.append
        self.fetched: list[Fetched] = []

    def fetch(self, *files: InputFile | str) -> None:
        inputs = [InputFile(source=file) if isinstance(file, str) else file for file in files]
        fetch_inputs(
            inputs,
            store=str(self.store),
            recipe=str(self.recipe),
            report=self.fetched.append,
            pause=self.pause,
        )

    def names(self, *files: InputFile | str) -> list[str]:
        """Fetch and place, and list what is there then."""
        self.fetch(*files)
        place_inputs(str(self.store), str(self.inputs))
        assert not self.store.exists()
        return sorted(path.name for path in self.inputs.iterdir())


@pytest.fixture
def fetching(tmp_path: Path) -> Fetching:
    return Fetching(tmp_path / "task")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    directory = tmp_path / "served"
    directory.mkdir()
    (directory / "a.bin").write_bytes(CONTENT)
    (directory / "b.csv").write_text("1,2")
    with FileServer(directory) as server:
        yield server


def sha256(content: bytes) -> Checksum:
    return Checksum("sha256", hashlib.sha256(content).hexdigest())


def test_inputs_are_fetched_completely_under_their_names(fetching: Fetching, server: FileServer) -> None:
    (fetching.recipe / "data").mkdir()
    (fetching.recipe / "data/stations.csv").write_text("x")
    side_file = InputFile("data/stations.csv", kind="recipe")
    named = InputFile(f"{server.url}/b.csv", name="renamed.csv")
    assert fetching.names(f"{server.url}/a.bin", named, side_file) == ["a.bin", "renamed.csv", "stations.csv"]
    assert (fetching.inputs / "a.bin").read_bytes() == CONTENT
    assert {(fetched.name, fetched.size) for fetched in fetching.fetched} == {
        ("a.bin", len(CONTENT)),
        ("renamed.csv", 3),
        ("stations.csv", 1),
    }


def test_a_few_files_are_fetched_at_once(fetching: Fetching, server: FileServer) -> None:
    meeting = threading.Barrier(THREADS, timeout=300)

    def answer(_request: Request) -> Answer:
        meeting.wait()
        return Answer(body=b"x")

    paths = [f"/{number}" for number in range(2 * THREADS)]
    server.routes.update(dict.fromkeys(paths, answer))
    assert len(fetching.names(*(server.url + path for path in paths))) == len(paths)


def test_a_temporary_failure_is_retried_until_it_ends(fetching: Fetching, server: FileServer) -> None:
    server.fail(2, status=503)
    server.fail(1, status=429, headers={"Retry-After": "7"})
    assert fetching.names(f"{server.url}/b.csv") == ["b.csv"]
    assert fetching.pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE, 7]


def test_a_server_that_always_fails_is_given_up(fetching: Fetching, server: FileServer) -> None:
    server.fail(ATTEMPTS, status=500)
    with pytest.raises(SourceUnavailableError, match=r"b\.csv' could not be fetched.*answered 500"):
        fetching.fetch(f"{server.url}/b.csv")
    assert len(server.requests) == ATTEMPTS


def test_a_server_that_is_away_is_given_up(fetching: Fetching) -> None:
    with closed_port() as url, pytest.raises(SourceUnavailableError, match="Connection refused"):
        fetching.fetch(f"{url}/a")
    assert len(fetching.pauses) == ATTEMPTS - 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204, 304])
def test_a_refusal_is_final_and_names_the_input(fetching: Fetching, server: FileServer, status: int) -> None:
    server.routes["/gone.tif"] = lambda _request: Answer(status=status)
    with pytest.raises(InputNotFoundError, match=rf"/gone\.tif' cannot be fetched: .*answered {status}"):
        fetching.fetch(f"{server.url}/gone.tif")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "gopher://example.org/x",
        "http://",
        "http://[::1",
        "http://exa mple.org:port/",
        "ftp://",
        "",
        "{{workflow.name}}",
        "$(touch /tmp/x)",
    ],
)
def test_a_url_that_is_none_is_refused(fetching: Fetching, url: str) -> None:
    with pytest.raises(InputNotFoundError):
        fetching.fetch(url)


def test_a_redirect_is_followed_and_the_name_is_that_of_the_url_given(
    fetching: Fetching, server: FileServer
) -> None:
    server.routes["/latest.csv"] = lambda _request: Answer(status=302, headers={"Location": "/b.csv"})
    assert fetching.names(f"{server.url}/latest.csv") == ["latest.csv"]
    assert (fetching.inputs / "latest.csv").read_text() == "1,2"


@pytest.mark.parametrize("location", ["/loop", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://[::x/"])
def test_a_redirect_to_nowhere_is_refused(fetching: Fetching, server: FileServer, location: str) -> None:
    server.routes["/loop"] = lambda _request: Answer(status=302, headers={"Location": location})
    with pytest.raises(InputNotFoundError):
        fetching.fetch(f"{server.url}/loop")


def test_a_redirect_with_a_body_that_has_no_end_is_followed(fetching: Fetching, server: FileServer) -> None:
    head = f"HTTP/1.1 302 Found\r\nLocation: {server.url}/b.csv\r\n\r\n".encode()
    with endless_body(head) as url:
        assert fetching.names(f"{url}/latest.csv") == ["latest.csv"]
    assert (fetching.inputs / "latest.csv").read_text() == "1,2"


@pytest.mark.parametrize("length", ["-5", "1e9", "0x10"])
def test_an_invalid_content_length_is_rejected(fetching: Fetching, server: FileServer, length: str) -> None:
    with (
        endless_body(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()) as url,
        pytest.raises(SourceUnavailableError),
    ):
        fetching.fetch(f"{url}/a.bin")


def test_content_length_is_ignored_with_chunked_encoding(fetching: Fetching) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 999\r\n\r\n"
    with answering(head + b"5\r\nhello\r\n0\r\n\r\n") as url:
        assert fetching.names(f"{url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == b"hello"


def test_a_repeated_content_length_is_accepted_once(fetching: Fetching) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello") as url:
        assert fetching.names(f"{url}/a.bin") == ["a.bin"]


def test_a_lost_connection_is_resumed_where_it_broke(fetching: Fetching, server: FileServer) -> None:
    server.drop(2, after=100_000)
    file = InputFile(f"{server.url}/a.bin", checksum=sha256(CONTENT), size=len(CONTENT))
    assert fetching.names(file) == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == CONTENT
    assert [request.headers.get("Range") for request in server.requests] == [
        None,
        "bytes=100000-",
        "bytes=200000-",
    ]


def test_a_download_with_progress_is_not_given_up(fetching: Fetching, server: FileServer) -> None:
    server.drop(3 * ATTEMPTS, after=10_000)
    assert fetching.names(f"{server.url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(("ranges", "etags"), [(False, True), (True, False)])
def test_a_server_without_ranges_is_asked_for_the_whole_file(
    fetching: Fetching, server: FileServer, ranges: bool, etags: bool
) -> None:
    server.ranges, server.etags = ranges, etags
    server.drop(1, after=100_000)
    assert fetching.names(f"{server.url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == CONTENT


def test_a_file_that_changed_in_between_is_fetched_anew(fetching: Fetching, server: FileServer) -> None:
    server.drop(1, after=100_000)
    new = CONTENT[::-1]

    def replace(_seconds: float) -> None:
        (server.directory / "a.bin").write_bytes(new)

    fetching.pause = replace
    assert fetching.names(f"{server.url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == new


@pytest.mark.parametrize(
    ("header", "first", "second"),
    [
        ("ETag", '"a"', '"b"'),
        ("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT", "Sun, 02 Jan 2022 00:00:00 GMT"),
    ],
)
def test_a_server_that_ignores_if_range_does_not_mix_two_files(
    fetching: Fetching, server: FileServer, header: str, first: str, second: str
) -> None:
    new = CONTENT[::-1]

    def answer(request: Request) -> Answer:
        if len(server.requests) == 1:
            return Answer(body=CONTENT, headers={header: first})
        if "Range" not in request.headers:
            return Answer(body=new, headers={header: second})
        start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        place = f"bytes {start}-{len(new) - 1}/{len(new)}"
        return Answer(status=206, body=new[start:], headers={header: second, "Content-Range": place})

    server.routes["/a.bin"] = answer
    server.drop(1, after=100_000)
    assert fetching.names(f"{server.url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == new


def test_a_file_of_another_size_is_not_resumed_although_its_validator_is_the_same(
    fetching: Fetching, server: FileServer
) -> None:
    """Servers exist that give every file the time of their installation."""
    new = CONTENT[::-1] + b"more"

    def answer(request: Request) -> Answer:
        body = CONTENT if len(server.requests) == 1 else new
        headers = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
        if "Range" not in request.headers:
            return Answer(body=body, headers=headers)
        start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return Answer(status=206, body=body[start:], headers=headers)

    server.routes["/a.bin"] = answer
    server.drop(1, after=100_000)
    assert fetching.names(f"{server.url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == new


def test_parts_that_do_not_fit_together_are_discarded(fetching: Fetching, server: FileServer) -> None:
    """A server may say that the file is the same when it is not; the checksum knows better."""

    def lie(request: Request) -> Answer:
        headers = {"ETag": '"same"'}
        if "Range" in request.headers:
            start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
            return Answer(status=206, body=bytes(len(CONTENT) - start), headers=headers)
        return Answer(body=CONTENT, headers=headers)

    server.routes["/a.bin"] = lie
    server.drop(1, after=100_000)
    assert fetching.names(InputFile(f"{server.url}/a.bin", checksum=sha256(CONTENT))) == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("content_range", ["bytes 7-10/11", "", "nonsense"])
def test_a_part_that_begins_elsewhere_is_not_appended(
    fetching: Fetching, server: FileServer, content_range: str
) -> None:
    def answer(request: Request) -> Answer:
        headers = {"ETag": '"x"', "Content-Range": content_range}
        if "Range" in request.headers:
            return Answer(status=206, body=b"junk", headers=headers)
        return Answer(body=CONTENT, headers=headers)

    server.routes["/a.bin"] = answer
    server.drop(1, after=1000)
    assert fetching.names(f"{server.url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == CONTENT


def in_parts(most: int, *, unasked: bool = False) -> Callable[[Request], Answer]:
    """Answers with so many bytes at once, from where they are asked for."""

    def answer(request: Request) -> Answer:
        asked = request.headers.get("Range", "")
        if not asked and not unasked:
            return Answer(body=CONTENT, headers={"ETag": '"x"'})
        start = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
        part = CONTENT[start : start + most]
        place = f"bytes {start}-{start + len(part) - 1}/{len(CONTENT)}"
        return Answer(status=206, body=part, headers={"ETag": '"x"', "Content-Range": place})

    return answer


@pytest.mark.parametrize("unasked", [False, True])
def test_a_server_that_sends_less_than_is_asked_for_is_asked_for_the_rest(
    fetching: Fetching, server: FileServer, unasked: bool
) -> None:
    server.routes["/a.bin"] = in_parts(100_000, unasked=unasked)
    server.drop(1, after=1000)
    assert fetching.names(f"{server.url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == CONTENT


def test_an_unrequested_partial_response_is_rejected(fetching: Fetching, server: FileServer) -> None:
    server.routes["/a.bin"] = lambda _: Answer(status=206, body=b"part")
    with pytest.raises(SourceUnavailableError, match="another part of the file"):
        fetching.fetch(f"{server.url}/a.bin")


def interrupt(fetching: Fetching, url: str, server: FileServer, *, after: int) -> None:
    """Leave what a worker killed in the middle of a download leaves."""

    class KilledError(Exception):
        pass

    def die(_seconds: float) -> None:
        raise KilledError

    fetching.pause = die
    server.drop(1, after=after)
    with pytest.raises(KilledError):
        fetching.fetch(url)


def test_the_next_worker_resumes_a_download(fetching: Fetching, server: FileServer) -> None:
    interrupt(fetching, f"{server.url}/a.bin", server, after=50_000)
    assert fetching.names(f"{server.url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == CONTENT
    assert server.requests[-1].headers["Range"] == "bytes=50000-"


def test_partial_downloads_from_before_a_reboot_are_discarded(fetching: Fetching, server: FileServer) -> None:
    interrupt(fetching, f"{server.url}/a.bin", server, after=50_000)
    note = fetching.store / "0.part.note"
    note.write_text("another-boot\n" + note.read_text().partition("\n")[2])
    assert fetching.names(f"{server.url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == CONTENT
    assert "Range" not in server.requests[-1].headers


def test_small_files_from_before_a_reboot_are_fetched_again(
    fetching: Fetching, server: FileServer, tmp_path: Path
) -> None:
    """They were not waited for to reach the disk, so their names may be all that is left of them."""
    (tmp_path / "served/small.csv").write_bytes(b"1,2")
    (tmp_path / "served/large.bin").write_bytes(bytes(SYNCED_BYTES))
    fetching.fetch(f"{server.url}/small.csv", f"{server.url}/large.bin")
    (fetching.store / "0/small.csv").write_bytes(b"")
    (fetching.store / "boot").write_text("another-boot")
    server.requests.clear()
    fetching.fetch(f"{server.url}/small.csv", f"{server.url}/large.bin")
    assert server.paths() == ["/small.csv"]
    assert (fetching.store / "0/small.csv").read_bytes() == b"1,2"


def test_a_completely_downloaded_part_is_not_fetched_again(fetching: Fetching, server: FileServer) -> None:
    """Killed between the last byte and the file's new name."""
    interrupt(fetching, f"{server.url}/a.bin", server, after=50_000)
    (fetching.store / "0.part").write_bytes(CONTENT)
    assert fetching.names(f"{server.url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == CONTENT
    assert server.requests[-1].status == 416


def test_finished_files_are_not_fetched_again(fetching: Fetching, server: FileServer) -> None:
    with pytest.raises(InputNotFoundError):
        fetching.fetch(f"{server.url}/b.csv", f"{server.url}/missing")
    while not list(fetching.store.glob("0/*")):
        os.sched_yield()
    asked = len(server.requests)
    (server.directory / "missing").write_text("found")
    assert fetching.names(f"{server.url}/b.csv", f"{server.url}/missing") == ["b.csv", "missing"]
    assert server.paths()[asked:] == ["/missing"]


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512", "SHA-256", "MD5"])
def test_a_right_checksum_of_any_algorithm_is_accepted(
    fetching: Fetching, server: FileServer, algorithm: str
) -> None:
    value = hashlib.new(algorithm.lower().replace("-", ""), CONTENT).hexdigest()
    good = InputFile(f"{server.url}/a.bin", checksum=Checksum(algorithm, value.upper()))
    assert fetching.names(good) == ["a.bin"]
    assert fetching.fetched[0].checksum == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"checksum": Checksum("md5", "0" * 32)}, "its md5 is .* instead of 0000"),
        ({"size": 5}, "it has 307200 bytes instead of 5"),
        ({"checksum": Checksum("crc-7", "00")}, "of type 'crc-7' cannot be verified"),
    ],
)
def test_a_file_that_differs_from_its_description_is_rejected(
    fetching: Fetching, server: FileServer, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnusableInputError, match=message):
        fetching.fetch(InputFile(f"{server.url}/a.bin")._replace(**wrong))
    assert not list(fetching.store.glob("0/*"))
    assert not list(fetching.store.glob("*.part"))


def test_two_inputs_of_one_name_are_refused_with_both_sources(fetching: Fetching, server: FileServer) -> None:
    server.dispositions["/a.bin"] = 'attachment; filename="b.csv"'
    with pytest.raises(UnusableInputError, match=r"name 'b\.csv'") as refusal:
        fetching.fetch(f"{server.url}/a.bin", f"{server.url}/b.csv")
    assert f"{server.url}/a.bin" in str(refusal.value)
    assert f"{server.url}/b.csv" in str(refusal.value)
    assert list(fetching.inputs.iterdir()) == []


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="from server.csv"', "from server.csv"),
        ("attachment; filename*=UTF-8''na%C3%AFve.csv; filename=plain.csv", "naïve.csv"),
        ('attachment; filename="../../../../tmp/escaped"', "escaped"),
        ("attachment; filename*=UTF-8''%2Ftmp%2Fescaped", "escaped"),
        ('attachment; filename=".."', "%2E%2E"),
        ("attachment; filename=$(touch /tmp/x);", "x)"),
        ('attachment; filename="{{workflow.name}}; rm -rf *"', "{{workflow.name}}; rm -rf *"),
        ("inline", "b.csv"),
    ],
)
def test_the_servers_file_name_is_used_as_a_plain_name(
    fetching: Fetching, server: FileServer, header: str, name: str
) -> None:
    server.dispositions["/b.csv"] = header
    assert fetching.names(f"{server.url}/b.csv") == [name]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0xFF))
    | st.text("./\\%2f\"';=*ab ")
)
def test_a_content_disposition_cannot_escape_the_directory(
    tmp_path_factory: pytest.TempPathFactory, server: FileServer, header: str
) -> None:
    directory = tmp_path_factory.mktemp("task")
    fetching = Fetching(directory / "task")
    server.dispositions["/b.csv"] = f'attachment; filename="{header}"'
    assert len(fetching.names(f"{server.url}/b.csv")) == 1
    assert sorted(path.name for path in directory.iterdir()) == ["task"]
    assert sorted(path.name for path in (directory / "task").iterdir()) == ["input_dir", "recipe"]


def test_bodies_are_stored_unchanged(fetching: Fetching, server: FileServer) -> None:
    """A .tar.gz that a server labels `Content-Encoding: gzip` is still a .tar.gz."""
    headers = {"Content-Encoding": "gzip"}
    server.routes["/x.tar.gz"] = lambda _request: Answer(body=b"\x1f\x8bnot really", headers=headers)
    assert fetching.names(f"{server.url}/x.tar.gz") == ["x.tar.gz"]
    assert (fetching.inputs / "x.tar.gz").read_bytes() == b"\x1f\x8bnot really"


def test_an_empty_file_is_accepted_with_a_warning(fetching: Fetching, server: FileServer) -> None:
    (server.directory / "empty").write_bytes(b"")
    assert fetching.names(InputFile(f"{server.url}/empty", size=0)) == ["empty"]
    assert [fetched.doubt and fetched.doubt.kind for fetched in fetching.fetched] == ["empty_input"]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.tif", b"Rate limit exceeded, try later\n", "text_input"),
        ("a.zip", "zu viele Zugriffe, später\n".encode() * 60, "text_input"),
        ("a.TIF", b"II*\0\x08\0\0\0", None),
        ("a.nc", b"CDF\x01\0\0\0\0", None),
        ("a.img", b"d" * 2048, None),
        ("a.csv", b"Rate limit exceeded, try later\n", None),
    ],
)
def test_text_with_the_name_of_an_image_causes_a_warning(
    fetching: Fetching, server: FileServer, name: str, content: bytes, kind: str | None
) -> None:
    (server.directory / name).write_bytes(content)
    assert fetching.names(f"{server.url}/{name}") == [name]
    assert [fetched.doubt and fetched.doubt.kind for fetched in fetching.fetched] == [kind]


def test_a_git_lfs_pointer_is_rejected_and_not_kept(fetching: Fetching, server: FileServer) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    (server.directory / "a.csv").write_bytes(pointer)
    (fetching.recipe / "b.csv").write_bytes(pointer)
    of_recipe = InputFile("b.csv", kind="recipe")
    for file in (InputFile(f"{server.url}/a.csv"), of_recipe):
        with pytest.raises(UnusableInputError, match=r"[ab]\.csv' is a Git LFS pointer"):
            fetching.fetch(file)
    with pytest.raises(UnusableInputError, match="Git LFS"):
        list(copy_files([of_recipe], recipe=str(fetching.recipe), directory=str(fetching.recipe / "x")))
    (server.directory / "a.csv").write_text("1,2")
    assert fetching.names(f"{server.url}/a.csv") == ["a.csv"]


def test_a_proxy_of_the_environment_is_used(
    fetching: Fetching, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "localhost")
    server.routes["/proxied.txt"] = lambda _request: Answer(body=b"by proxy")
    assert fetching.names("http://data.invalid/proxied.txt") == ["proxied.txt"]


def test_an_unknown_kind_is_refused(fetching: Fetching) -> None:
    with pytest.raises(UnsupportedError, match="'carrier pigeon'"):
        fetching.fetch(InputFile("x", kind="carrier pigeon"))


def test_ftp_files_are_fetched(fetching: Fetching) -> None:
    with ftp_server({"pub/my data.bin": CONTENT}) as url:
        assert fetching.names(f"{url}/pub/my%20data.bin") == ["my data.bin"]
    assert (fetching.inputs / "my data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/missing", InputNotFoundError),
        ("/x%0D%0ADELE%20x", InputNotFoundError),
        ("/a.bin", SourceUnavailableError),
    ],
)
def test_ftp_errors_are_distinguished(fetching: Fetching, path: str, error: type[OgdcError]) -> None:
    with ftp_server({"a.bin": CONTENT}, cut=1000) as url, pytest.raises(error):
        fetching.fetch(url + path)


@pytest.mark.parametrize(
    "replies",
    [
        {"PASV": "502 not here"},
        {"PASV": "227 enter"},
        {"EPSV": "500 unknown"},
        {"SENDING": "125 sending"},
        {"SENDING": "150 sending", "SIZE": "502 not here"},
        {"HELLO": "220-Gr\xfc\xdfe\r\n aus Troms\xf8\r\n220 hello"},
        {"USER": "230 in without a password"},
    ],
)
def test_deviating_ftp_servers_are_supported(fetching: Fetching, replies: dict[str, str]) -> None:
    with ftp_server({"a.bin": CONTENT}, replies=replies) as url:
        assert fetching.names(f"{url}/a.bin") == ["a.bin"]
    assert (fetching.inputs / "a.bin").read_bytes() == CONTENT


def test_ftp_names_may_be_any_bytes(fetching: Fetching) -> None:
    with ftp_server({"sj\xf8.bin": b"latin", "sj\xc3\xb8.bin": b"utf"}) as url:
        fetching.names(InputFile(f"{url}/sj%F8.bin", name="a"), InputFile(f"{url}/sj%C3%B8.bin", name="b"))
    assert (fetching.inputs / "a").read_bytes() == b"latin"
    assert (fetching.inputs / "b").read_bytes() == b"utf"


@pytest.mark.parametrize(
    ("cut", "replies", "why"),
    [
        (1000, {"DONE": "226 done"}, r"lost after 1000 of \d+ bytes"),
        (1000, {"DONE": "226 done", "SENDING": "150 here it comes"}, r"lost after 1000 of \d+ bytes"),
        (1000, {"DONE": "550 disk trouble"}, "lost: 550 disk trouble"),
        (None, {"SENDING": "150 sending (9999999 bytes)"}, "of 9999999 bytes"),
        (None, {"RETR": "425 cannot open a connection"}, "425 cannot open"),
        (None, {"HELLO": "421 too many users"}, "421 too many users"),
        (None, {"PASV": "502 no", "EPSV": "425 no"}, "425 no"),
        (None, {"RETR": "150-" + "and so on\r\n" * 3000 + "150 sending"}, "more than 2000 lines"),
    ],
)
def test_ftp_files_that_are_not_whole_are_tried_again(
    fetching: Fetching, cut: int | None, replies: dict[str, str], why: str
) -> None:
    with (
        ftp_server({"a.bin": CONTENT}, cut=cut, replies=replies) as url,
        pytest.raises(SourceUnavailableError, match=why),
    ):
        fetching.fetch(f"{url}/a.bin")
    assert len(fetching.pauses) == ATTEMPTS - 1


@pytest.mark.parametrize("scheme", ["https", "ftp"])
@pytest.mark.parametrize(
    ("code", "error", "attempts", "why"),
    [
        (socket.EAI_NONAME, InputNotFoundError, NAME_ATTEMPTS, "no server named 'data.example.org'"),
        (socket.EAI_AGAIN, SourceUnavailableError, ATTEMPTS, "'data.example.org' cannot be looked up"),
    ],
)
def test_a_name_that_does_not_exist_is_given_up_sooner_than_an_outage_of_dns(
    fetching: Fetching,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    code: int,
    error: type[Exception],
    attempts: int,
    why: str,
) -> None:
    def unresolved(*_args: object, **_options: object) -> None:
        raise socket.gaierror(code, "as DNS answers")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    with pytest.raises(error, match=why):
        fetching.fetch(f"{scheme}://data.example.org/a.bin")
    assert len(fetching.pauses) == attempts - 1


def test_an_ftp_server_that_wants_a_login_says_so(fetching: Fetching) -> None:
    with (
        ftp_server({"a.bin": b""}, replies={"PASS": "530 not logged in"}) as url,
        pytest.raises(InputNotFoundError, match=r"530 not logged in\. It requires a login for 127\.0\.0\.1"),
    ):
        fetching.fetch(f"{url}/a.bin")


def test_endless_trailers_are_cut_off(fetching: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.2)
    with endless_trailers() as url, pytest.raises(SourceUnavailableError, match=r"no data arrived"):
        fetching.fetch(f"{url}/a.bin")


def test_the_log_names_every_input(fetching: Fetching, server: FileServer) -> None:
    fetching.fetch(f"{server.url}/b.csv")
    [fetched] = fetching.fetched
    facts = json.loads(json.dumps(fetched._asdict()))
    assert facts | {"seconds": 0} == {
        "source": f"{server.url}/b.csv",
        "name": "b.csv",
        "size": 3,
        "seconds": 0,
        "cached": False,
        "url": None,
        "checksum": f"sha256:{hashlib.sha256(b'1,2').hexdigest()}",
        "doubt": None,
    }
