"""Metacat's particular behaviour in front of GMN, since Metacat itself needs Tomcat, Solr and more.

::

    with Gmn(...) as gmn, Metacat(gmn.url) as node:
        ... node.url ...                    # a Metacat's by its path; objects are kept, and checked, by GMN
        node.catch_up()                     # its index knows what is there by now
        node.on_request = lambda asked: Fault.LOST_ANSWER

Each behaviour is that of Metacat 3.3.0 by its source (December 2025), and differs from GMN 3.5.2's:

- A repeated creation is a 500 ServiceFailure that says nothing: the store refuses it outside the API's own
  exceptions, where GMN answers 409 IdentifierNotUnique.
- It takes no object without bytes (InvalidSystemMetadata), and here no object before its system metadata,
  which Metacat would have to read twice.
- It mints DOIs (`generateIdentifier`) for who may write there; GMN answers 400.
- It has an index, which it fills once it has answered: an object may be there, and not be found.

Nothing here checks a token, a checksum, a version or a map: GMN does.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4
from xml.etree import ElementTree

from support.publishing_node import Asked, Fault, fields_of

BASE = "/metacat/d1/mn"
_EML, _MAP = "https://eml.ecoinformatics.org/eml-2.2.0", "http://www.openarchives.org/ore/terms"
_TYPES = {_EML: "METADATA", _MAP: "RESOURCE"}
_PHRASE = re.compile(r'(-?)(\w+):(?:"((?:[^"\\]|\\.)*)"|(\w+))')
_HANDED_ON = ("Authorization", "Content-Type", "User-Agent")
_OWN = {"Connection", "Date", "Server", "Transfer-Encoding"}
_Response = tuple[int, dict[str, str], bytes]


class Metacat:
    """Listens on 127.0.0.1 from `__enter__` to `__exit__`.

    Attributes:
        url: Its base URL.
        asked: The requests that came, in order.
        on_request: Called with each; says what is to happen to it.
        minted: The DOIs that it has made.
    """

    def __init__(self, gmn: str) -> None:
        """Forward to the GMN with this base URL."""
        self._gmn = urlsplit(gmn)
        self.asked: list[Asked] = []
        self.on_request: Callable[[Asked], Fault | None] = lambda _asked: None
        self.minted: list[str] = []
        self._stored: dict[str, dict[str, Any]] = {}
        self._indexed: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.node = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}{BASE}"

    def __enter__(self) -> Metacat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def stored(self) -> set[str]:
        """Identifiers of the objects that it accepted."""
        return {*self._stored}

    def catch_up(self) -> None:
        """Update the index with all objects."""
        self._indexed = {pid: dict(record) for pid, record in self._stored.items()}

    def answer(self, asked: Asked) -> _Response:
        """Answer a request as Metacat does."""
        path = asked.path.removeprefix(f"{BASE}/v2/")
        if path.startswith("query/solr/"):
            return self._search(parse_qs(urlsplit(path).query)["q"][0])
        if path == "generate" and asked.fields.get("scheme") == b"DOI":
            return self._mint(asked)
        is_sent = asked.method in {"POST", "PUT"} and path.startswith("object")
        if is_sent and (refusal := _refusal(asked.fields)):
            return refusal
        status, headers, content = self._of_gmn(asked, path)
        if is_sent and status == 200:
            with self._lock:
                self._note(asked.fields, unquote(path.partition("/")[2]) or None)
        if is_sent and status == 409:
            return _error(500, "ServiceFailure", "An error occurred")
        return status, headers, content

    def _of_gmn(self, asked: Asked, path: str) -> _Response:
        there = HTTPConnection(str(self._gmn.hostname), self._gmn.port, timeout=300)
        try:
            there.request(asked.method, f"{self._gmn.path}/v2/{path}", body=asked.body, headers=asked.headers)
            response = there.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            there.close()

    def _mint(self, asked: Asked) -> _Response:
        """Make a DOI for whom GMN lets make a UUID."""
        body = asked.body.replace(b"\r\nDOI\r\n", b"\r\nUUID\r\n")
        status, headers, content = self._of_gmn(asked._replace(body=body), "generate")
        if status != 200:
            return status, headers, content
        with self._lock:
            self.minted.append(f"doi:10.5072/FK2/{uuid4().hex[:6].upper()}")
            return 200, {"Content-Type": "text/xml"}, _identifier(self.minted[-1])

    def _note(self, fields: dict[str, bytes], old: str | None) -> None:
        """Know of an object what an index would."""
        described = ElementTree.fromstring(fields["sysmeta"])
        record: dict[str, Any] = {
            name: described.findtext(name) for name in ("formatId", "fileName", "seriesId", "checksum")
        }
        record["id"] = pid = (fields.get("pid") or fields["newPid"]).decode()
        record["size"] = int(described.findtext("size") or 0)
        record["checksumAlgorithm"] = described.find("checksum").get("algorithm")  # type: ignore[union-attr]
        record["formatType"] = _TYPES.get(str(record["formatId"]), "DATA")
        self._stored[pid] = record | {"resourceMap": []}
        if old is not None:
            self._stored[old]["obsoletedBy"] = pid
        for named in re.findall(rb'ore:aggregates rdf:resource="[^"]*/([^"/]+)"', fields["object"]):
            self._stored[unquote(named.decode())]["resourceMap"].append(pid)

    def _search(self, query: str) -> _Response:
        """Find what has one of the values, or what has none of those with a minus."""
        wanted = [(minus, key, value or word) for minus, key, value, word in _PHRASE.findall(query)]
        found = [
            each
            for each in self._indexed.values()
            if any(_has(each, key, value) for minus, key, value in wanted if not minus)
            and not any(_has(each, key, value) for minus, key, value in wanted if minus)
        ]
        body = json.dumps({"response": {"numFound": len(found), "start": 0, "docs": found}}).encode()
        return 200, {"Content-Type": "application/json"}, body


def _has(record: dict[str, Any], key: str, value: str) -> bool:
    known = record.get(key)
    return value in known if isinstance(known, list) else value == known


def _refusal(fields: dict[str, bytes]) -> _Response | None:
    """What is refused before it is looked at closely; None: it is not."""
    if [*fields].index("sysmeta") > [*fields].index("object"):
        return _error(400, "InvalidRequest", "sysmeta has to come before object")
    if not fields["object"]:
        return _error(400, "InvalidSystemMetadata", "The size of the object must be positive")
    return None


def _error(status: int, name: str, description: str) -> _Response:
    problem = ElementTree.Element("error", name=name, errorCode=str(status), detailCode="0")
    ElementTree.SubElement(problem, "description").text = description
    return status, {"Content-Type": "text/xml"}, ElementTree.tostring(problem)


def _identifier(text: str) -> bytes:
    namespace = "http://ns.dataone.org/service/types/v1"
    return f'<d1:identifier xmlns:d1="{namespace}">{text}</d1:identifier>'.encode()


class _Server(ThreadingHTTPServer):
    node: Metacat
    daemon_threads = False  # so that closing waits for them, and no socket outlives its test


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        shown = {name: self.headers[name] for name in _HANDED_ON if name in self.headers}
        fields = fields_of(self.headers, body) if body else {}
        asked = Asked(self.command, self.path, shown.get("Authorization", ""), fields, shown, body)
        node = self.server.node
        node.asked.append(asked)
        fault = node.on_request(asked)
        if fault is Fault.LOST_REQUEST:
            return
        status, headers, content = (fault and fault.answer) or node.answer(asked)
        if fault is not Fault.LOST_ANSWER:
            self._answer(status, headers, content)

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        kept = {name: value for name, value in headers.items() if name not in _OWN}
        if self.command != "HEAD":
            kept["Content-Length"] = str(len(content))
        for name, value in {**kept, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content if self.command != "HEAD" else b"")

    do_HEAD = do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at `Metacat.asked`."""
