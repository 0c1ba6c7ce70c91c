from __future__ import annotations

import tracemalloc
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.recipe.files import UnusableFileError
from ogdc_shared.recipe.urls import read_url_list, url_problem


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a.tif",
        "http://example.org",
        "HTTP://EXAMPLE.ORG/A",
        "ftp://ftp.example.org/pub/a.zip",
        "https://user:secret@example.org:8443/a?b=c&d=e#f",
        "https://[2001:db8::1]:8080/a",
        "http://127.0.0.1:65535/a",
        "https://example.org/a'b;c$(d)`e`{{f}}|g",
        "https://grønland.example/isbræ.tif",
        "https://example.org/../../etc/passwd",
    ],
)
def test_a_url_may_be_anything_a_server_could_have(url: str) -> None:
    assert url_problem(url) is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "is not a URL to fetch from"),
        ("example.org/a", "is not a URL to fetch from"),
        ("//example.org/a", "is not a URL to fetch from"),
        ("https://", "is not a URL to fetch from"),
        ("https:///a", "is not a URL to fetch from"),
        ("https://?a", "is not a URL to fetch from"),
        ("https://:80/", "is not a URL to fetch from"),
        ("file:///etc/passwd", "is not a URL to fetch from"),
        ("s3://b/key", "names no bucket"),
        ("gs:///key", "names no bucket"),
        ("s3://bucket", "names no object of the bucket"),
        ("gs://bucket/", "names no object of the bucket"),
        ("javascript:alert(1)", "is not a URL to fetch from"),
        ("https://[::1", "is not a URL (Invalid IPv6 URL)"),
        ("https://example.org:99999/", "is not a URL (Port out of range"),
        ("https://example.org:http/", "is not a URL (Port could not be cast"),
        ("https://example.org/a b", "has ' ' as character 22; remove it, or write %20."),
        (" https://example.org/", "has ' ' as character 1"),
        ("https://example.org/\n", r"has '\n' as character 21"),
        ("https://example.org/\0", r"has '\x00' as character 21"),
        ("https://example.org/\ud800", r"has '\ud800' as character 21"),
        ("https://example.org/a\r\nHost: evil", r"has '\r' as character 22"),
        ("https://example.org/" + "a" * 9000, "is longer than 8,192 characters"),
    ],
)
def test_urls_that_cannot_be_fetched_are_reported(url: str, problem: str) -> None:
    assert (url_problem(url) or "").startswith(problem)


@given(st.from_regex(r"https?://[a-z0-9.:-]{1,12}(/[!-~]{0,10})?", fullmatch=True))
def test_the_fast_check_accepts_only_urls_that_the_full_check_accepts(url: str) -> None:
    if url_problem(url) is None:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port is None or parts.port <= 65535


def test_a_list_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_bytes(b"\xef\xbb\xbf# tiles\r\n\n https://a.org/1 \r\nhttps://a.org/2")
    assert list(read_url_list(path)) == [(3, "https://a.org/1"), (4, "https://a.org/2")]


@pytest.mark.slow
def test_a_long_list_is_never_held_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_text("".join(f"https://example.org/tiles/{number:07}.tif\n" for number in range(200_000)))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_url_list(path)) == 200_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [b"https://a.org/\xff\n", b"\xff\xfeh\0t\0"])
def test_a_list_that_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "urls.txt"
    path.write_bytes(content)
    with pytest.raises(UnusableFileError, match="is not UTF-8 text"):
        list(read_url_list(path))
