"""Inputs as data centres serve them: behind logins, compressed on the way, answered with pages."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path
from urllib.request import parse_http_list, parse_keqv_list

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import InputNotFoundError, SourceUnavailableError, UnusableInputError
from ogdc_shared.plan import InputFile
from ogdc_shared.servers import refusals, web
from ogdc_shared.servers.credentials import Credentials
from ogdc_shared.servers.response import InterruptedFetchError, Response
from ogdc_worker.fetch import download
from ogdc_worker.fetch.content import file_pieces
from ogdc_worker.fetch.fetch_progress import FetchProgress
from ogdc_worker.fetch.inputs import Fetched, fetch_inputs, place_inputs
from support.http import Answer, FileServer, Request

CONTENT = bytes(range(256)) * 40
LOGIN = "Basic " + base64.b64encode("ann:s3cr3t ü".encode()).decode()
PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in &amp; go</title></head><body>Log in</body></html>"


class Place:
    """Directories to fetch into, and the logins that are known there."""

    def __init__(self, directory: Path) -> None:
        self.store, self.inputs = directory / "fetch", directory / "input_dir"
        self.credentials = directory / "credentials"
        for made in (self.inputs, self.credentials):
            made.mkdir(parents=True)
        self.pauses: list[float] = []
        self.fetched: list[Fetched] = []

    def fetch(self, *files: str | InputFile) -> dict[str, bytes]:
        fetch_inputs(
            [InputFile(source=file) if isinstance(file, str) else file for file in files],
            store=str(self.store),
            recipe="",
            report=self.fetched.append,
            pause=self.pauses.append,
            credentials=str(self.credentials),
        )
        place_inputs(str(self.store), str(self.inputs))
        found = (path for path in self.inputs.rglob("*") if path.is_file())
        return {path.relative_to(self.inputs).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "task")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "served").mkdir()
    with FileServer(tmp_path / "served") as server:
        server.routes["/basic.tif"] = _behind(LOGIN)
        yield server


@pytest.fixture
def other(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "other").mkdir()
    with FileServer(tmp_path / "other") as server:
        server.routes["/file.tif"] = lambda _request: Answer(body=CONTENT)
        yield server


def _behind(authorization: str):  # type: ignore[no-untyped-def]
    def answer(request: Request) -> Answer:
        known = request.headers.get("Authorization") == authorization
        return Answer(body=CONTENT) if known else Answer(status=401)

    return answer


def _behind_digest(user: str, password: str, *, algorithm: str):  # type: ignore[no-untyped-def]
    """Answer as RFC 7616 describes it."""

    def hashed(*parts: str) -> str:
        name = "md5" if algorithm == "MD5" else "sha256"
        return hashlib.new(name, ":".join(parts).encode()).hexdigest()

    def answer(request: Request) -> Answer:
        header = request.headers.get("Authorization", "").encode("latin-1").decode()
        if header.startswith("Digest "):
            given = parse_keqv_list(parse_http_list(header.removeprefix("Digest ")))
            secret = hashed(user, "ice", password)
            if algorithm.endswith("-sess"):
                secret = hashed(secret, given["nonce"], given["cnonce"])
            expected = hashed(
                secret, "n0nce", given["nc"], given["cnonce"], "auth", hashed("GET", given["uri"])
            )
            assert given["uri"].startswith("/digest.tif")
            if given["response"] == expected:
                return Answer(body=CONTENT)
        challenge = (
            f'Digest realm="ice", qop="auth,auth-int", nonce="n0nce", algorithm={algorithm}, opaque="o"'
        )
        return Answer(status=401, headers={"WWW-Authenticate": challenge})

    return answer


def _redirect(target: str, **headers: str):  # type: ignore[no-untyped-def]
    return lambda _request: Answer(status=302, headers={"Location": target} | headers)


def test_a_login_in_the_url_is_used(place: Place, server: FileServer) -> None:
    url = server.url.replace("//", "//ann:s3cr3t%20%C3%BC@")
    assert place.fetch(f"{url}/basic.tif") == {"basic.tif": CONTENT}


def test_a_login_that_is_not_accepted_is_not_asked_for(place: Place, server: FileServer) -> None:
    url = server.url.replace("//", "//ann:wrong@")
    with pytest.raises(InputNotFoundError, match=r"The login for 127\.0\.0\.1 is not accepted\. Check it"):
        place.fetch(f"{url}/basic.tif")
    with pytest.raises(InputNotFoundError, match="requires a login for"):
        place.fetch(f"{server.url}/basic.tif")


def test_a_login_of_a_netrc_is_used(place: Place, server: FileServer) -> None:
    (place.credentials / "netrc").write_text('machine 127.0.0.1 login ann password "s3cr3t ü"\n')
    assert place.fetch(f"{server.url}/basic.tif") == {"basic.tif": CONTENT}


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-256-sess"])
def test_a_login_is_sent_by_digest_if_its_server_requires_that(
    place: Place, server: FileServer, algorithm: str
) -> None:
    (place.credentials / "netrc").write_text('machine 127.0.0.1 login "an\\"n" password "s3cr3t ü"\n')
    server.routes["/digest.tif"] = _behind_digest('an"n', "s3cr3t ü", algorithm=algorithm)
    assert place.fetch(f"{server.url}/digest.tif?v=1") == {"digest.tif": CONTENT}
    assert [request.status for request in server.requests] == [401, 200]


def test_a_login_that_digest_does_not_accept_is_reported(place: Place, server: FileServer) -> None:
    server.routes["/digest.tif"] = _behind_digest("ann", "other", algorithm="MD5")
    with pytest.raises(InputNotFoundError, match=r"The login for 127\.0\.0\.1 is not accepted\. Check it"):
        place.fetch(f"{server.url.replace('//', '//ann:wrong@')}/digest.tif")
    assert len(server.requests) == 2


def test_a_token_of_a_host_is_used(place: Place, server: FileServer) -> None:
    server.routes["/token.tif"] = _behind("Bearer abc.def")
    (place.credentials / "tokens").write_text("# ours\nexample.org xyz\n127.0.0.1  abc.def\n")
    assert place.fetch(f"{server.url}/token.tif") == {"token.tif": CONTENT}


def test_cookies_are_kept_over_redirects_and_between_files(place: Place, server: FileServer) -> None:
    def granule(request: Request) -> Answer:
        if "session=42" in (request.headers.get("Cookie") or ""):
            return Answer(body=CONTENT)
        return Answer(status=302, headers={"Location": "/oauth?back=1"})

    def login(request: Request) -> Answer:
        if request.headers.get("Authorization") != LOGIN:
            return Answer(status=401)
        headers = {"Location": "/granule.tif", "Set-Cookie": "session=42; Path=/; HttpOnly"}
        return Answer(status=302, headers=headers)

    server.routes.update({"/granule.tif": granule, "/oauth": login})
    (place.credentials / "netrc").write_text('machine 127.0.0.1 login ann password "s3cr3t ü"')
    assert place.fetch(f"{server.url}/granule.tif", InputFile(f"{server.url}/granule.tif", name="b.tif"))
    assert [request.path for request in server.requests].count("/oauth") <= 2


def test_credentials_are_not_sent_to_redirects_on_other_servers(
    place: Place, server: FileServer, other: FileServer
) -> None:
    elsewhere = other.url.replace("127.0.0.1", "localhost")
    server.routes["/away.tif"] = _redirect(f"{elsewhere}/file.tif", **{"Set-Cookie": "session=42; Path=/"})
    (place.credentials / "netrc").write_text(
        "machine 127.0.0.1 login u password p\ndefault login d password d\n"
    )
    place.fetch(f"{server.url.replace('//', '//ann:pw@')}/away.tif")
    (asked,) = other.requests
    assert asked.headers.get("Authorization") is None
    assert asked.headers.get("Cookie") is None
    assert "Authorization" in server.requests[0].headers


@given(st.sampled_from(["http://h/x", "http://u:p@h/x", "http://h:80/x"]))
def test_credentials_are_not_sent_after_a_redirect_from_https_to_http(url: str) -> None:
    known = Credentials(logins={"h": ("u", "p")}, tokens={"h": "t"})
    assert known.authorization(url, asked="https://u:p@h/x", encrypted=True) is None
    assert known.authorization("https://h/x", asked="http://u:p@h/x", encrypted=False)


def test_the_default_of_a_netrc_is_not_used_and_the_error_says_so(place: Place, server: FileServer) -> None:
    (place.credentials / "netrc").write_text('default login ann password "s3cr3t ü"\n')
    with pytest.raises(InputNotFoundError, match="The `default` entry of the netrc file is not used"):
        place.fetch(f"{server.url}/basic.tif")
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize("status", [401, 403])
def test_a_401_says_that_a_login_is_missing(place: Place, server: FileServer, status: int) -> None:
    server.routes["/x.tif"] = lambda _request: Answer(status=status)
    with pytest.raises(InputNotFoundError, match=rf"{status}.*login.*127\.0\.0\.1.*inputs-behind-a-login"):
        place.fetch(f"{server.url}/x.tif")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("machine", "netrc file has an error in line"),
        ("one two three", "tokens, line 1"),
        ("https://one two", "tokens, line 1: write a host"),
        ("one:80 two", "tokens, line 1: write a host"),
    ],
)
def test_a_file_of_logins_that_is_wrong_is_named_and_not_shown(
    place: Place, server: FileServer, line: str, words: str
) -> None:
    (place.credentials / ("netrc" if line == "machine" else "tokens")).write_text(line)
    with pytest.raises(UnusableInputError, match=words) as caught:
        place.fetch(f"{server.url}/basic.tif")
    assert "two" not in str(caught.value)


def test_deflate_without_the_header_of_zlib_is_decoded(place: Place, server: FileServer) -> None:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    sent = compressor.compress(CONTENT) + compressor.flush()
    server.routes["/a.geojson"] = lambda _: Answer(body=sent, headers={"Content-Encoding": "deflate"})
    assert place.fetch(f"{server.url}/a.geojson") == {"a.geojson": CONTENT}


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate"])
def test_content_encoding_is_decoded(place: Place, server: FileServer, encoding: str) -> None:
    sent = (
        zlib.compress(CONTENT)
        if encoding == "deflate"
        else gzip.compress(CONTENT[:99]) + gzip.compress(CONTENT[99:])
    )
    server.routes["/a.geojson"] = lambda _: Answer(
        body=sent, headers={"Content-Encoding": encoding, "ETag": '"1"'}
    )
    assert place.fetch(f"{server.url}/a.geojson") == {"a.geojson": CONTENT}


@pytest.mark.parametrize("name", ["a.tar.gz", "a.TGZ"])
def test_a_compressed_file_is_stored_unchanged(place: Place, server: FileServer, name: str) -> None:
    sent = gzip.compress(CONTENT)
    server.routes[f"/{name}"] = lambda _: Answer(body=sent, headers={"Content-Encoding": "gzip"})
    assert place.fetch(f"{server.url}/{name}") == {name: sent}


def test_a_body_wrongly_declared_as_compressed_is_stored_unchanged(place: Place, server: FileServer) -> None:
    server.routes["/a.csv"] = lambda _: Answer(body=b"1,2", headers={"Content-Encoding": "gzip"})
    assert place.fetch(f"{server.url}/a.csv") == {"a.csv": b"1,2"}


@pytest.mark.parametrize("encoding", ["none", "utf-8", "aws-chunked"])
def test_an_encoding_that_changes_nothing_is_ignored(place: Place, server: FileServer, encoding: str) -> None:
    server.routes["/a.csv"] = lambda _: Answer(body=b"1,2", headers={"Content-Encoding": encoding})
    assert place.fetch(f"{server.url}/a.csv") == {"a.csv": b"1,2"}


@pytest.mark.parametrize("encoding", ["gzip, gzip", "aws-chunked,gzip"])
def test_several_encodings_are_undone(place: Place, server: FileServer, encoding: str) -> None:
    sent = b"1,2"
    for _ in range(encoding.count("gzip")):
        sent = gzip.compress(sent)
    server.routes["/a.csv"] = lambda _: Answer(body=sent, headers={"Content-Encoding": encoding})
    assert place.fetch(f"{server.url}/a.csv") == {"a.csv": b"1,2"}


def test_zeros_after_compressed_data_are_ignored(place: Place, server: FileServer) -> None:
    sent = gzip.compress(b"1,") + bytes(512) + gzip.compress(b"2") + bytes(512)
    server.routes["/a.csv"] = lambda _: Answer(body=sent, headers={"Content-Encoding": "gzip"})
    assert place.fetch(f"{server.url}/a.csv") == {"a.csv": b"1,2"}


def test_an_unrequested_transfer_encoding_is_refused(place: Place, server: FileServer) -> None:
    """Its chunks are not recognized, so they would become part of the file."""
    headers = {"Transfer-Encoding": "gzip, chunked"}
    server.routes["/a.csv"] = lambda _: Answer(body=b"3\r\n1,2\r\n0\r\n\r\n", headers=headers)
    with pytest.raises(SourceUnavailableError, match=r"sends it as 'gzip, chunked'"):
        place.fetch(f"{server.url}/a.csv")


def test_an_unknown_encoding_is_refused(place: Place, server: FileServer) -> None:
    server.routes["/a.csv"] = lambda _: Answer(body=b"1,2", headers={"Content-Encoding": "br"})
    with pytest.raises(UnusableInputError, match="'br'"):
        place.fetch(f"{server.url}/a.csv")


@given(content=st.binary(max_size=5000), cuts=st.lists(st.integers(0, 5100), max_size=6))
def test_content_encoding_is_decoded_in_any_chunks(content: bytes, cuts: list[int]) -> None:
    sent = gzip.compress(content)
    edges = sorted({0, len(sent), *(min(cut, len(sent)) for cut in cuts)})
    pieces = [sent[a:b] for a, b in pairwise(edges)]
    response = Response(pieces=pieces, encoding="gzip")
    assert b"".join(file_pieces("https://h/a.csv", response, name="a.csv")) == content
    short = Response(pieces=[sent[:-4]], encoding="gzip")
    with pytest.raises(InterruptedFetchError):
        list(file_pieces("https://h/a.csv", short, name="a.csv"))


def test_a_compression_bomb_is_written_in_parts() -> None:
    bomb = gzip.compress(bytes(50 << 20))
    sizes = [
        len(p) for p in file_pieces("http://h/a", Response(pieces=[bomb], encoding="gzip"), name="a.bin")
    ]
    assert (sum(sizes), max(sizes)) == (50 << 20, 1 << 20)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_an_html_page_instead_of_data_is_rejected_with_its_address(
    place: Place, server: FileServer, kind: str
) -> None:
    server.routes["/login"] = lambda _: Answer(body=PAGE, headers={"Content-Type": kind})
    server.routes["/ice.nc"] = _redirect("/login")
    with pytest.raises(
        InputNotFoundError, match=r"ice\.nc'.*page \('Sign in & go'\) at .*/login instead"
    ) as caught:
        place.fetch(f"{server.url}/ice.nc")
    assert "login for 127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    "page",
    [
        "<html><head><title>Sign in</title></head></html>".encode("utf-16"),
        b'\n<!-- moved -->\n<script>location = "/login"</script>',
        b'<meta http-equiv="refresh" content="0; url=/login">',
    ],
)
def test_an_html_page_is_recognized_by_any_first_element(
    place: Place, server: FileServer, page: bytes
) -> None:
    server.routes["/ice.nc"] = lambda _: Answer(body=page, headers={"Content-Type": "text/html"})
    with pytest.raises(InputNotFoundError, match=r"ice\.nc'.* a web page"):
        place.fetch(f"{server.url}/ice.nc")


@pytest.mark.parametrize("name", ["page.html", "notes.txt", "data"])
def test_an_html_page_is_accepted_if_html_was_requested(place: Place, server: FileServer, name: str) -> None:
    server.routes[f"/{name}"] = lambda _: Answer(body=PAGE, headers={"Content-Type": "text/html"})
    assert place.fetch(f"{server.url}/{name}") == {name: PAGE}


def test_a_web_page_without_a_telling_name_causes_a_warning(place: Place, server: FileServer) -> None:
    server.routes["/data"] = lambda _: Answer(body=PAGE)
    server.routes["/page.html"] = lambda _: Answer(body=PAGE)
    place.fetch(f"{server.url}/data", f"{server.url}/page.html")
    (doubt,) = [each.doubt for each in place.fetched if each.doubt]
    assert doubt.kind == "page_input"
    assert "'data' is a web page ('Sign in & go')" in doubt.message


@pytest.mark.parametrize(
    ("name", "disposition", "page"),
    [
        ("data", "", PAGE.replace(b"Log in", b'<form><input name=p type="password"></form>')),
        ("ice.nc", 'attachment; filename="login.html"', PAGE),
    ],
)
def test_a_login_page_is_rejected_whatever_the_file_is_called(
    place: Place, server: FileServer, name: str, disposition: str, page: bytes
) -> None:
    headers = {"Content-Type": "text/html"} | ({"Content-Disposition": disposition} if disposition else {})
    server.routes[f"/{name}"] = lambda _: Answer(body=page, headers=headers)
    with pytest.raises(InputNotFoundError, match=r"a web page \('Sign in & go'\) instead of the file"):
        place.fetch(f"{server.url}/{name}")
    named = InputFile(source=f"{server.url}/{name}", name="page.html")
    assert place.fetch(named) == {"page.html": page}


REPORTS = {
    "wms": b'<?xml version="1.0"?>\n<ServiceExceptionReport><ServiceException>no layer</ServiceException>',
    "wcs": b"<ows:ExceptionReport xmlns:ows='x'><ows:ExceptionText>no layer</ows:ExceptionText>",
    "store": b"<Error><Code>NoSuchKey</Code><Message>no layer</Message></Error>",
    "arcgis": b'{"error": {"code": 498, "message": "no layer"}}',
}
GATEWAY = b'{"message": "Forbidden"}'


@pytest.mark.parametrize("name", ["ice.tif", "wcs"])
@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_an_xml_error_report_is_rejected(place: Place, server: FileServer, report: bytes, name: str) -> None:
    server.routes[f"/{name}"] = lambda _: Answer(body=report)
    with pytest.raises(InputNotFoundError, match=r"report of an error instead of the file: .*no layer"):
        place.fetch(f"{server.url}/{name}")


def test_an_error_report_is_accepted_if_it_was_requested(place: Place, server: FileServer) -> None:
    server.routes["/errors.xml"] = lambda _: Answer(body=REPORTS["wms"])
    server.routes["/map.gml"] = lambda _: Answer(body=b'<?xml version="1.0"?><ErrorMap/><FeatureCollection/>')
    server.routes["/query"] = lambda _: Answer(body=b'{"errors": [], "rows": [1]}')
    server.routes["/status"] = lambda _: Answer(body=GATEWAY)
    names = ("errors.xml", "map.gml", "query", "status")
    assert len(place.fetch(*(f"{server.url}/{name}" for name in names))) == 4


def test_a_json_error_message_is_rejected(place: Place, server: FileServer) -> None:
    server.routes["/lakes.geojson"] = lambda _: Answer(body=GATEWAY)
    with pytest.raises(InputNotFoundError, match=r"report of an error instead of the file: .*Forbidden"):
        place.fetch(f"{server.url}/lakes.geojson")


def test_a_wrong_content_type_alone_is_accepted(place: Place, server: FileServer) -> None:
    server.routes["/a.csv"] = lambda _: Answer(body=b"1,2", headers={"Content-Type": "text/html"})
    assert place.fetch(f"{server.url}/a.csv") == {"a.csv": b"1,2"}


def test_retry_after_may_be_a_date_and_is_bounded(place: Place, server: FileServer) -> None:
    server.routes["/a.csv"] = lambda _: Answer(body=b"1")
    server.fail(1, status=429, headers={"Retry-After": formatdate(None, usegmt=True)})
    server.fail(1, status=503, headers={"Retry-After": "999999"})
    server.fail(1, status=429, headers={"Retry-After": "soon"})
    server.routes.clear()
    (server.directory / "a.csv").write_bytes(b"1")
    place.fetch(f"{server.url}/a.csv")
    assert place.pauses[0] <= 1
    assert place.pauses[1:] == [download.MAX_ASKED_PAUSE, download.FIRST_PAUSE * 4]


def test_a_file_that_is_being_prepared_is_waited_for(place: Place, server: FileServer) -> None:
    server.fail(1, status=202)
    server.fail(1, status=202, headers={"Retry-After": "7"})
    (server.directory / "a.csv").write_bytes(b"1")
    assert place.fetch(f"{server.url}/a.csv") == {"a.csv": b"1"}
    assert place.pauses == [refusals.PREPARING_SECONDS, 7.0]
    server.fail(6, status=202)
    with pytest.raises(SourceUnavailableError, match=r"202 Accepted: it is still preparing the file"):
        place.fetch(f"{server.url}/b.csv")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<Error><Code>AccessDenied</Code><Message>Request has\nexpired</Message></Error>", {}),
        (b'{"error": {"code": 7, "message": "Request has expired"}}', {}),
        (b'{"status_code": 403, "error_description": "Request has expired"}', {}),
        (b"Request has expired\n", {"Content-Type": "text/plain"}),
    ],
)
def test_a_refusal_has_the_explanation_of_the_server(
    place: Place, server: FileServer, body: bytes, headers: dict[str, str]
) -> None:
    server.routes["/a.tif"] = lambda _: Answer(status=403, body=body, headers=headers)
    with pytest.raises(InputNotFoundError, match=r"403 Forbidden \('Request has expired'\)\. A login"):
        place.fetch(f"{server.url}/a.tif")


@pytest.mark.parametrize("body", [PAGE, b'{"a": ', b"<Error/>", b"\xff\x00", b'{"error": [1]}', b"[]"])
def test_a_refusal_without_an_explanation_has_none(place: Place, server: FileServer, body: bytes) -> None:
    server.routes["/a.tif"] = lambda _: Answer(status=404, body=body)
    with pytest.raises(InputNotFoundError, match=r"answered 404 Not Found\. Check the address\."):
        place.fetch(f"{server.url}/a.tif")


def test_a_server_that_trickles_is_given_up(
    place: Place, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SLOW_SECONDS", 0.0)
    server.routes["/slow.bin"] = lambda _: Answer(body=b"x" * 100)
    with pytest.raises(SourceUnavailableError, match=r"slow\.bin'.*sent 100 bytes in"):
        place.fetch(f"{server.url}/slow.bin")


def test_headers_that_never_end_are_cut_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from ogdc_shared import connections
    from support.trickle import trickling_headers

    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.3)
    with trickling_headers(every=0.05) as url, pytest.raises(InterruptedFetchError):
        web.Web(threads=1).open(f"{url}/a.tif")


def test_an_error_about_one_of_many_inputs_has_their_number(place: Place, server: FileServer) -> None:
    server.routes["/a.csv"] = lambda _: Answer(body=b"1")
    with pytest.raises(InputNotFoundError, match=r"gone\.csv'.*404.*One of 3 inputs"):
        place.fetch(
            f"{server.url}/a.csv", f"{server.url}/gone.csv", InputFile(f"{server.url}/a.csv", name="b")
        )


def test_further_missing_inputs_are_named_and_counted(place: Place, server: FileServer) -> None:
    server.routes["/a.csv"] = lambda _: Answer(body=b"1")
    gone = [f"{server.url}/gone{number}.csv" for number in range(9)]
    with pytest.raises(
        InputNotFoundError, match=r"gone\d\.csv'.*404.*same is true of .*and 3 more.*9 of 10 inp"
    ):
        place.fetch(f"{server.url}/a.csv", *gone)


def test_files_are_distinguished_by_directory_name_and_query(place: Place, server: FileServer) -> None:
    server.routes["/sic.tif"] = lambda request: Answer(body=str(request.query).encode())
    url = f"{server.url}/sic.tif"
    files = place.fetch(
        InputFile(url, directory="2021"),
        InputFile(url, directory="2021/june"),
        InputFile(url, name="other.tif"),
        f"{url}?v=1",
        InputFile(f"{url}?v=2", directory="2022"),
    )
    assert sorted(files) == ["2021/june/sic.tif", "2021/sic.tif", "2022/sic.tif", "other.tif", "sic.tif"]
    with pytest.raises(UnusableInputError, match=r"'sic\.tif'.*name:.*directory:"):
        Place(place.inputs.parent / "again").fetch(
            InputFile(url, name="sic.tif"), InputFile(url, name="sic.tif")
        )


def test_files_that_differ_only_in_the_query_keep_it_in_their_names(place: Place, server: FileServer) -> None:
    server.routes["/sic.tif"] = lambda request: Answer(body=b"1")
    files = place.fetch(f"{server.url}/sic.tif?v=1", f"{server.url}/sic.tif?v=2")
    assert sorted(files) == ["sic.tif?v=1", "sic.tif?v=2"]


def test_a_file_and_a_directory_of_one_name_are_reported(place: Place, server: FileServer) -> None:
    server.routes["/a.csv"] = lambda _: Answer(body=b"1")
    url = f"{server.url}/a.csv"
    with pytest.raises(UnusableInputError, match="have the name 'x'"):
        place.fetch(InputFile(url, name="x"), InputFile(url, directory="x"))


def test_progress_counts_what_several_threads_fetch() -> None:
    caught: list[dict[str, object]] = []
    progress = FetchProgress(3, lambda **facts: caught.append(facts))
    first, second = progress.of(0, InputFile("a", size=50)), progress.of(1, InputFile("b"))
    first(10, None)
    second(5, 20)
    first(30, None)
    facts = progress.facts(seconds=2.0, since=5)
    assert facts == {"source": "a", "file_bytes": 30, "size": 50, "bytes": 35, "rate": 15, "done": 0, "of": 3}
    progress.finished(0)
    first_left = progress.facts(seconds=1.0, since=35)
    assert (first_left["source"], first_left["done"], first_left["rate"]) == ("b", 1, 0)
