"""File names from URLs and headers: as wget would choose them, and always plain names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.filenames import last_component, name_from_disposition, name_from_url, plain_name

hostile = st.text() | st.text(alphabet="./\\%2eE\0\n ;$(){}'\"")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/data/a.tif", "a.tif"),
        ("/a%20b.tif?x=1/2", "a b.tif"),
        ("/sea%20ice?x=1/2", "sea ice?x=1%2F2"),
        ("/get.php?file=a.tif", "get.php?file=a.tif"),
        ("/v1.0?bbox=1,2", "v1.0?bbox=1,2"),
        ("/", "index.html"),
        ("", "index.html"),
        ("/dir/", "index.html"),
        ("/dir/?q=1", "index.html?q=1"),
        ("/a#fragment", "a"),
        ("/a%2Fb.tif", "a%2Fb.tif"),
        ("/x/..%2F", "..%2F"),
        ("/x/%2e%2e", "%2E%2E"),
        ("/a%0Ab", "a%0Ab"),
        ("/%00", "%00"),
        ("/na%C3%AFve.tif", "naïve.tif"),
        ("/bad%FF.tif", "bad%FF.tif"),
        ("/object/urn%3Auuid%3Acfe3", "urn:uuid:cfe3"),
        ("/a;b$(c)'{{d}}.tif", "a;b$(c)'{{d}}.tif"),
        ("/a%5Cb", "a\\b"),
        ("/download?file=a&token=s3cr3t", "download?file=a"),
        ("/v1.2?X-Amz-Signature=0f3a", "v1.2"),
        ("/a.tif;jsessionid=0F3A", "a.tif"),
        ("/get?url=http%3A%2F%2Fexample.org%2Fa%3Ftoken%3Ds3cr3t", "get"),
    ],
)
def test_file_names_come_from_the_last_part_of_a_url(path: str, name: str) -> None:
    assert name_from_url(f"https://example.org{path}") == name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a.tif"', "a.tif"),
        ("attachment; filename=a.tif", "a.tif"),
        ("attachment; filename=not quoted.tif", "not quoted.tif"),
        ('attachment;FILENAME = "a.tif" ; size=12', "a.tif"),
        ("filename=a.tif", "a.tif"),
        ("attachment; filename*=UTF-8''na%C3%AFve%20file.tif; filename=plain.tif", "naïve file.tif"),
        ("attachment; filename=plain.tif; filename*=UTF-8'en'%E2%82%AC.tif", "€.tif"),
        ("attachment; filename*=iso-8859-1''%E9t%E9.tif", "été.tif"),
        ("attachment; filename*=UTF-8''%FF; filename=plain.tif", "plain.tif"),
        ("attachment; filename*=klingon''x; filename=plain.tif", "plain.tif"),
        ('inline; filename="\u00c3\u00a9.tif"', "é.tif"),
        ('inline; filename="\u00e9.tif"', "é.tif"),
        (r'attachment; filename="a \"b\"; c.tif"', 'a "b"; c.tif'),
        ('attachment; filename="a%2Fb.tif"', "a%2Fb.tif"),
        ('attachment; filename=".hidden"', ".hidden"),
        ('attachment; filename="a\tb.tif"', "a%09b.tif"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="/etc/passwd"', "passwd"),
        (r'attachment; filename="..\\..\\x.tif"', "x.tif"),
        ("attachment; filename*=UTF-8''..%2F..%2Fevil", "evil"),
        ('attachment; filename=".."', "%2E%2E"),
        ('attachment; filename=""', None),
        ('attachment; filename="a/"', None),
        ("attachment", None),
        ("", None),
    ],
)
def test_disposition_names(header: str, name: str | None) -> None:
    assert name_from_disposition(header) == name


@pytest.mark.parametrize("suffix", [".tif", ""])
def test_a_name_too_long_is_shortened_before_its_suffix(suffix: str) -> None:
    name = plain_name("é" * 300 + suffix)
    assert len(name.encode()) in {254, 255}
    assert name.endswith("é" + suffix)


@given(hostile)
def test_any_text_becomes_a_name_right_in_its_directory(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    directory = str(tmp_path_factory.getbasetemp())
    for name in (plain_name(text), last_component(text), name_from_disposition(f'x; filename="{text}"')):
        if name:
            assert os.path.dirname(os.path.normpath(os.path.join(directory, name))) == directory
            assert len(os.fsencode(name)) <= 255
            assert name.isprintable() or not any(ord(character) < 32 for character in name)


@given(hostile)
def test_any_url_gives_a_name(text: str) -> None:
    name = name_from_url(f"https://example.org/{text}".replace("[", "").replace("]", ""))
    assert name not in {"", ".", ".."}
    assert "/" not in name


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=50))
def test_a_good_name_stays_as_it_is(name: str) -> None:
    assert plain_name(name) == name
    assert Path(last_component(f"/some/where/{name}")).name == name
