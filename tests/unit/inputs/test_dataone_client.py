from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import urllib3

from ogdc_shared.errors import InputNotFoundError, SourceUnavailableError
from ogdc_shared.inputs import dataone as client
from ogdc_shared.inputs.dataone import resolve_dataset
from ogdc_shared.inputs.listing import Listing
from ogdc_shared.plan import Checksum, InputFile, Partition
from support.dataone import BASE, DataFile, MemberNode
from support.http import Answer, FileServer, Request, closed_port

PACKAGE = "resource_map_doi:10.5072/A29G"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(tmp_path) as server:
        yield server


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(timeout=60, retries=urllib3.Retry(1, backoff_factor=0)) as http:
        yield http


def names(files: Iterator[InputFile]) -> list[str | None]:
    return [file.name for file in files]


def node_with(server: FileServer, *names: str | None, **options: Any) -> MemberNode:
    files = [DataFile(f"urn:uuid:{number:05}", name) for number, name in enumerate(names)]
    return MemberNode(server, {PACKAGE: files}, **options)


def test_a_file_has_its_url_name_size_and_checksum(server: FileServer, http: urllib3.PoolManager) -> None:
    node = MemberNode(server, {PACKAGE: [DataFile("doi:10.5072/x y#1?&", "tags.csv", b"1,2\n")]})
    (file,) = resolve_dataset(node.url, PACKAGE, filename=None, http=http)
    assert file == InputFile(
        source=f"{node.url}/v2/object/doi%3A10.5072%2Fx%20y%231%3F%26",
        name="tags.csv",
        size=4,
        checksum=Checksum("sha256", hashlib.sha256(b"1,2\n").hexdigest()),
    )
    with urlopen(file.source) as answer:
        assert answer.read() == b"1,2\n"


def test_metadata_of_the_package_are_left_out(server: FileServer, http: urllib3.PoolManager) -> None:
    node = MemberNode(server, {PACKAGE: [DataFile("a", "eml.xml", metadata=True), DataFile("b", "a.csv")]})
    assert names(resolve_dataset(node.url, PACKAGE, filename=None, http=http)) == ["a.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("most_rows", [1, 7, 50, 1000])
def test_all_pages_are_read_however_long_they_are(
    server: FileServer, http: urllib3.PoolManager, monkeypatch: pytest.MonkeyPatch, most_rows: int
) -> None:
    monkeypatch.setattr(client, "PAGE_SIZE", 50)
    node = node_with(server, *[f"{number:03}.tif" for number in range(101)], most_rows=most_rows)
    found = names(resolve_dataset(node.url, PACKAGE, filename=None, http=http))
    assert found == [f"{number:03}.tif" for number in range(101)]
    assert {query["sort"] for query in node.queries} == {"id asc"}
    assert len(node.queries) == -(-101 // min(50, most_rows))


def test_pages_are_asked_for_only_when_they_are_needed(
    server: FileServer, http: urllib3.PoolManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE_SIZE", 10)
    node = node_with(server, *[f"{number}.tif" for number in range(100)])
    next(resolve_dataset(node.url, PACKAGE, filename=None, http=http))
    assert len(node.queries) == 1


@pytest.mark.slow
def test_twenty_thousand_objects_take_twenty_requests_and_little_memory(
    server: FileServer, http: urllib3.PoolManager
) -> None:
    many = 20_000

    def page(request: Request) -> Answer:
        start, rows = int(request.query["start"][0]), int(request.query["rows"][0])
        documents = [
            {"id": f"urn:uuid:{n:06}", "fileName": f"tile_{n:06}.tif", "size": n, "checksum": f"{n:064x}"}
            for n in range(start, min(start + rows, many))
        ]
        return Answer(body=json.dumps({"response": {"numFound": many, "docs": documents}}).encode())

    server.routes[f"{BASE}/v2/query/solr/"] = page
    with Listing() as listing:
        files = resolve_dataset(f"{server.url}{BASE}", PACKAGE, filename="*.TIF", http=http)
        listing.extend(islice(files, 10_000))
        tracemalloc.start()  # it makes all this five times slower
        listing.extend(files)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        last = Partition.from_json(listing.manifest(9, range(many - 1, many))).files[0]
    assert (len(listing), sum(listing.sizes)) == (many, sum(range(many)))
    assert (last.name, last.source[-11:]) == ("tile_019999.tif", "uuid%3A019999"[-11:])
    assert len(server.requests) == many / client.PAGE_SIZE == 20
    assert most < 4 * 2**20, "a page or two, and what the server makes of one"


def test_a_file_added_between_pages_duplicates_none(
    server: FileServer, http: urllib3.PoolManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE_SIZE", 2)
    node = node_with(server, "a", "b", "c")
    files = resolve_dataset(node.url, PACKAGE, filename=None, http=http)
    first = next(files)
    node.packages[PACKAGE].append(DataFile("aaa", "new"))  # before all others
    assert [first.name, *names(files)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("Percent_1.nc", ["percent_1.nc"]),
        ("percent_*.NC", ["percent_1.nc", "PERCENT_10.nc"]),
        ("percent_?.nc", ["percent_1.nc"]),
        ("*", ["percent_1.nc", "PERCENT_10.nc", "a[1].csv", "a1.csv", "$(id);'\".csv"]),
        ("a[1].csv", ["a[1].csv"]),
        ("$(id);'\".csv", ["$(id);'\".csv"]),
    ],
)
def test_a_name_may_have_wildcards_and_ignores_case(
    server: FileServer, http: urllib3.PoolManager, pattern: str, expected: list[str]
) -> None:
    node = node_with(server, "percent_1.nc", "PERCENT_10.nc", "a[1].csv", "a1.csv", "$(id);'\".csv")
    assert names(resolve_dataset(node.url, PACKAGE, filename=pattern, http=http)) == expected


def test_a_pattern_full_of_stars_takes_no_time(server: FileServer, http: urllib3.PoolManager) -> None:
    node = node_with(server, "a" * 200)
    with pytest.raises(InputNotFoundError):
        list(resolve_dataset(node.url, PACKAGE, filename="*a" * 100 + "b", http=http))


def test_a_missing_name_is_reported_with_the_existing_ones(
    server: FileServer, http: urllib3.PoolManager
) -> None:
    node = node_with(server, *[f"{number:02}.tif" for number in range(30)])
    with pytest.raises(InputNotFoundError) as raised:
        list(resolve_dataset(node.url, PACKAGE, filename="a.tif", http=http))
    listed = ", ".join(f"{number:02}.tif" for number in range(10))
    assert str(raised.value) == (
        f"No file of the DataONE package '{PACKAGE}' is named 'a.tif'. There is: {listed} and 20 more."
    )


def test_an_unknown_package_is_reported_with_the_form_of_identifiers(
    server: FileServer, http: urllib3.PoolManager
) -> None:
    node = node_with(server, "a.csv")
    with pytest.raises(InputNotFoundError, match=r"knows no data files of 'doi:10\.5072/other' .* DOI"):
        list(resolve_dataset(node.url, "doi:10.5072/other", filename=None, http=http))


@pytest.mark.parametrize(
    "identifier",
    [
        'a" OR "b',
        "a\\",
        '\\" OR id:*',
        "*:*",
        "a) OR (b",
        "{!func}x",
        "a AND b",
        "$(id)",
        "{{x}}",
        "../../solr",
        'x"&q=*:*',
    ],
)
def test_an_identifier_is_never_more_than_a_value_of_the_query(
    server: FileServer, http: urllib3.PoolManager, identifier: str
) -> None:
    node = MemberNode(server, {identifier: [DataFile("a", "mine")], PACKAGE: [DataFile("b", "secret")]})
    assert names(resolve_dataset(node.url, identifier, filename=None, http=http)) == ["mine"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("data/2020/a.csv", "a.csv"),
        ("C:\\data\\a.csv", "a.csv"),
        ("a\nb", "a%0Ab"),
        ("a\0b", "a%00b"),
        ("..", "%2E%2E"),
        ("a;b $(c) {{d}}.csv", "a;b $(c) {{d}}.csv"),
        ("", None),
        (None, None),
        ("data/", None),
    ],
)
def test_a_file_name_cannot_contain_a_path(
    server: FileServer, http: urllib3.PoolManager, name: str | None, expected: str | None
) -> None:
    node = node_with(server, name)
    assert names(resolve_dataset(node.url, PACKAGE, filename=None, http=http)) == [expected]


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "md5"),
        ("SHA-1", "sha1"),
        ("SHA1", "sha1"),
        ("SHA-256", "sha256"),
        ("SHA-512", "sha512"),
        ("CRC32", None),
    ],
)
def test_names_of_checksum_algorithms_are_normalized(
    server: FileServer, http: urllib3.PoolManager, algorithm: str, expected: str | None
) -> None:
    node = MemberNode(server, {PACKAGE: [DataFile("a", "a", b"x", checksum_algorithm=algorithm)]})
    (file,) = resolve_dataset(node.url, PACKAGE, filename=None, http=http)
    assert (file.checksum.algorithm if file.checksum else None) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"response": null}',
        b'{"response": {"numFound": 1}}',
        b'{"response": {"numFound": 1, "docs": [{}]}}',
        b'{"response": {"numFound": "many", "docs": []}}',
        b'{"response": {"numFound": 1, "docs": [7]}}',
        b"\xff",
    ],
)
def test_a_server_that_is_not_a_node_is_reported(
    server: FileServer, http: urllib3.PoolManager, body: bytes
) -> None:
    server.routes[f"{BASE}/v2/query/solr/"] = lambda _: Answer(body=body)
    with pytest.raises(
        SourceUnavailableError, match=r"DataONE node at http.* answered with .*DATAONE_NODE_URL"
    ):
        list(resolve_dataset(f"{server.url}{BASE}/", PACKAGE, filename=None, http=http))


@pytest.mark.parametrize(
    "document", [{"id": "a", "size": "big"}, {"id": "a", "fileName": ["x"]}, {"id": 7, "checksum": 1}]
)
def test_incomplete_records_are_used(
    server: FileServer, http: urllib3.PoolManager, document: dict[str, Any]
) -> None:
    import json

    body = json.dumps({"response": {"numFound": 1, "docs": [document]}}).encode()
    server.routes[f"{BASE}/v2/query/solr/"] = lambda _: Answer(body=body)
    (file,) = resolve_dataset(f"{server.url}{BASE}", PACKAGE, filename=None, http=http)
    assert (file.name, file.size, file.checksum) == (None, None, None)


def test_a_wrong_total_does_not_cause_endless_paging(server: FileServer, http: urllib3.PoolManager) -> None:
    def liar(request: Any) -> Answer:
        docs = b'[{"id": "a"}]' if request.query["start"] == ["0"] else b"[]"
        return Answer(body=b'{"response": {"numFound": 1000000, "docs": ' + docs + b"}}")

    server.routes[f"{BASE}/v2/query/solr/"] = liar
    assert len(list(resolve_dataset(f"{server.url}{BASE}", PACKAGE, filename=None, http=http))) == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_rejection_by_the_node_is_reported_with_its_status(
    server: FileServer, http: urllib3.PoolManager, status: int
) -> None:
    server.fail(5, status=status)
    with pytest.raises(SourceUnavailableError, match=f"status {status}"):
        list(resolve_dataset(f"{server.url}{BASE}", PACKAGE, filename=None, http=http))


def test_a_node_that_is_away_is_reported(http: urllib3.PoolManager) -> None:
    with closed_port() as url, pytest.raises(SourceUnavailableError, match="does not answer"):
        list(resolve_dataset(f"{url}{BASE}", PACKAGE, filename=None, http=http))


def test_an_answer_that_breaks_off_is_reported(server: FileServer, http: urllib3.PoolManager) -> None:
    node = node_with(server, *["a.csv"] * 100)
    server.drop(5, after=500)
    with pytest.raises(SourceUnavailableError):
        list(resolve_dataset(node.url, PACKAGE, filename=None, http=http))


@pytest.mark.parametrize(
    "pasted",
    [
        "doi:10.5072/A2",
        "https://doi.org/10.5072/A2",
        "http://dx.doi.org/10.5072/A2",
        "10.5072/A2",
        "doi.org/10.5072/A2",
        "https://doi.org/10.5072%2FA2",
        "https://doi.org/doi:10.5072/A2",
        "info:doi/10.5072/A2",
        "https://arcticdata.io/data/10.5072/A2",
        "https://example.org/catalog/view/doi%3A10.5072%2FA2",
        "https://example.org/catalog/view/doi:10.5072/A2",
        "https://example.org/catalog/#view/doi:10.5072/A2",
        "series:7",
        PACKAGE,
        f"https://example.org/metacat/d1/mn/v2/packages/application%2Fbagit-1.0/{PACKAGE}",
    ],
)
def test_a_package_can_be_given_in_any_common_form(
    server: FileServer, http: urllib3.PoolManager, pasted: str
) -> None:
    metadata = DataFile("doi:10.5072/A2", "eml.xml", metadata=True, series="series:7")
    node = MemberNode(server, {PACKAGE: [metadata, DataFile("urn:1", "a.csv"), DataFile("urn:2", "b.csv")]})
    assert names(resolve_dataset(node.url, pasted, filename=None, http=http)) == ["a.csv", "b.csv"]


def test_a_single_file_can_be_named(server: FileServer, http: urllib3.PoolManager) -> None:
    node = node_with(server, "a.csv", "b.csv")
    for pasted in ("urn:uuid:00001", f"{node.url}/v2/object/urn%3Auuid%3A00001"):
        assert names(resolve_dataset(node.url, pasted, filename=None, http=http)) == ["b.csv"]


def test_folders_are_kept_and_a_pattern_means_names_as_well_as_paths(
    server: FileServer, http: urllib3.PoolManager
) -> None:
    node = node_with(server, "2021/sic.tif", "2022/june/sic.tif", "../../etc/passwd", "C:\\x\\y.csv")
    found = list(resolve_dataset(node.url, PACKAGE, filename="SIC.tif", http=http))
    assert [(file.directory, file.name) for file in found] == [("2021", "sic.tif"), ("2022/june", "sic.tif")]
    every = list(resolve_dataset(node.url, PACKAGE, filename=None, http=http))
    assert [(file.directory, file.name) for file in every[2:]] == [("etc", "passwd"), ("C:/x", "y.csv")]
