"""A DataONE member node in this process, with the calls that publishing uses, and faults on request.

::

    with PublishingNode() as node:
        text = node.token("http://orcid.org/0000-…")       # of somebody who may publish there
        node.on_request = lambda number: Fault.LOST_ANSWER if number == 3 else None
        ... node.url ...
        assert set(node.objects) == {...}

It checks what GMN 3.5.2 checks (`test_gmn.py` has results published there): size and checksum, tokens,
identifiers in use, that a map names objects that are there, that an object is obsoleted once. `is_metacat`
has it answer a repeated creation as Metacat 3.3.0 does, by its source: with an error that says nothing.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

TYPES = "http://ns.dataone.org/service/types/v2.0"
MAP = "http://www.openarchives.org/ore/terms"
NEVER = 4_000_000_000
"""Seconds since 1970."""


class Fault(Enum):
    """A fault of a request."""

    LOST_REQUEST = "the connection ends before anything is done"
    LOST_ANSWER = "it is done, and the connection ends"
    BUSY = "503"
    PROXY = "502, with a page in HTML"

    @property
    def answer(self) -> _Response | None:
        """Response in place of the node's own, or None if the node answers or nobody does."""
        return _FAULTY.get(self)


_Response = tuple[int, dict[str, str], bytes]
_FAULTY: dict[Fault, _Response] = {Fault.BUSY: (503, {}, b""), Fault.PROXY: (502, {}, b"<html><p>Bad")}


@dataclass
class Stored:
    """An object of the node."""

    pid: str
    content: bytes
    described: ElementTree.Element
    submitter: str
    obsoletes: str | None = None
    obsoleted_by: str | None = None
    arrived: float = field(default_factory=time.time)

    @property
    def series(self) -> str | None:
        return self.described.findtext("seriesId")

    def may(self, subject: str, permission: str) -> bool:
        if subject == self.described.findtext("rightsHolder"):
            return True
        return any(
            subject == rule.findtext("subject") and permission in [each.text for each in rule]
            for rule in self.described.iter("allow")
        ) or ("public" in [each.text for each in self.described.iter("subject")] and permission == "read")


class Asked(NamedTuple):
    """A request as received."""

    method: str
    path: str
    authorization: str
    fields: dict[str, bytes]
    headers: dict[str, str] = {}  # noqa: RUF012  nobody changes it
    body: bytes = b""


class _ProblemError(Exception):
    def __init__(self, status: int, name: str, description: str = "") -> None:
        super().__init__(name)
        self.status = status
        self.name = name
        self.description = description


class PublishingNode:
    """Listens on 127.0.0.1 from `__enter__` to `__exit__`.

    Attributes:
        objects: What it has, by identifier, in the order of arrival.
        asked: The requests that came, in order.
        on_request: Called with the number of each, from 1; says what is to happen to it.
        is_metacat: See above.
        mints: Whether it makes DOIs, as Metacat does and GMN does not.
        minted: Those that it has made.
        lists: Whether it lists its objects (`listObjects`), which it does three at a time.
        unlisted: Identifiers that are missing in its lists.
        index: What its search index knows, records of objects, however far behind; None: it has none.
            Metacat 3.3.0 indexes once it has answered, so that an object may be there and not be found.
    """

    def __init__(self, base: str = "/mn") -> None:
        self._base = base
        self.objects: dict[str, Stored] = {}
        self.asked: list[Asked] = []
        self.on_request: Callable[[int], Fault | None] = lambda _number: None
        self.is_metacat = False
        self.mints = True
        self.minted: list[str] = []
        self.lists = True
        self.unlisted: set[str] = set()
        self.index: list[dict[str, Any]] | None = None
        self._subjects: dict[str, str] = {}
        self._begun = 0
        self._lock = threading.RLock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.node = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}{base}"

    def __enter__(self) -> PublishingNode:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def token(self, subject: str, *, expires_at: float = NEVER, is_known: bool = True) -> str:
        """Return a token of a subject; `is_known` is whether the node accepts it as genuine."""
        claims = json.dumps({"sub": subject, "exp": expires_at}).encode()
        parts = (b'{"alg": "RS256"}', claims, b"signed" if is_known else b"forged")
        text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
        if is_known:
            self._subjects[text] = subject
        return text

    def members(self, resource_map: str) -> set[str]:
        """Return the objects that a map lists."""
        return _named(self.objects[resource_map].content)

    def sent(self) -> list[Asked]:
        """Return the requests that uploaded an object."""
        return [asked for asked in self.asked if asked.method in {"POST", "PUT"}]

    @contextmanager
    def take(self, asked: Asked) -> Iterator[Fault | None]:
        """Record a request, and yield its fault."""
        with self._lock:
            self.asked.append(asked)
            self._begun += 1
            number = len(self.asked)
        try:
            yield self.on_request(number)
        finally:
            with self._lock:
                self._begun -= 1

    @property
    def is_busy(self) -> bool:
        """Whether a request is in progress."""
        return self._begun > 0

    def killed_at(self, number: int, publish: Callable[[], object], *, is_done: bool) -> bool:
        """Publish in a process that is killed at a request, and return whether it got that far.

        Args:
            number: Of the request.
            publish: What the process does.
            is_done: Whether the request is carried out nevertheless.
        """
        has_forked = threading.Event()

        def kill(each: int) -> Fault | None:
            if each != number:
                return None
            has_forked.wait()
            os.kill(child, signal.SIGKILL)
            return Fault.LOST_ANSWER if is_done else Fault.LOST_REQUEST

        self.on_request = kill
        child = os.fork()
        if child == 0:
            gc.disable()  # which would write to, and so copy, what both processes have
            try:
                publish()
            finally:
                os._exit(0)
        has_forked.set()
        _, status = os.waitpid(child, 0)
        self.on_request = lambda _number: None
        while self.is_busy:
            time.sleep(0.001)
        return os.WIFSIGNALED(status)

    def answer(self, asked: Asked) -> _Response:
        """Answer a request."""
        subject = self._subjects.get(asked.authorization.removeprefix("Bearer "), "public")
        with self._lock:
            try:
                return 200, *self._do(asked, subject)
            except _ProblemError as exc:
                problem = ElementTree.Element("error", name=exc.name, errorCode=str(exc.status))
                ElementTree.SubElement(problem, "description").text = exc.description
                headers = {
                    "DataONE-Exception-Name": exc.name,
                    "DataONE-Exception-Description": exc.description,
                }
                return (
                    exc.status,
                    headers if asked.method == "HEAD" else {},
                    ElementTree.tostring(problem),
                )

    def _do(self, asked: Asked, subject: str) -> tuple[dict[str, str], bytes]:
        kind, _, rest = asked.path.removeprefix(f"{self._base}/v2/").partition("/")
        pid = unquote(rest)
        match asked.method, kind:
            case "GET", "query" if self.index is not None:
                return {"Content-Type": "application/json"}, self._search(unquote(rest), self.index)
            case "POST", "object":
                return self._create(asked.fields["pid"].decode(), asked.fields, subject)
            case "POST", "generate":
                return self._mint(asked.fields, subject)
            case "PUT", "object":
                return self._update(pid, asked.fields, subject)
            case (("HEAD" | "GET"), "object"):
                return self._get(pid, subject)
            case "GET", _ if kind.startswith("object?") and self.lists:
                return {"Content-Type": "text/xml"}, self._list(parse_qs(urlsplit(kind).query), subject)
            case "GET", "meta":
                found = self._readable(pid, subject)
                return {"Content-Type": "text/xml"}, _system_metadata(found)
            case "GET", "isAuthorized":
                if not self._readable(pid.partition("?")[0], subject).may(subject, "write"):
                    raise _ProblemError(401, "NotAuthorized", f"write by {subject}")
                return {}, b""
        raise _ProblemError(404, "NotFound", asked.path)

    def _list(self, query: dict[str, list[str]], subject: str) -> bytes:
        since = datetime.fromisoformat(query["fromDate"][0]).timestamp()
        start = int(query["start"][0])
        found = [
            each
            for each in self.objects.values()
            if each.arrived >= since and each.may(subject, "read") and each.pid not in self.unlisted
        ]
        root = ElementTree.Element("objectList", start=str(start), total=str(len(found)))
        for each in found[start : start + 3]:
            listed = ElementTree.SubElement(root, "objectInfo")
            listed.extend(
                each.described.findall(name)[0] for name in ("identifier", "formatId", "checksum", "size")
            )
        return ElementTree.tostring(root)

    def _mint(self, fields: dict[str, bytes], subject: str) -> tuple[dict[str, str], bytes]:
        if subject == "public":
            raise _ProblemError(401, "NotAuthorized", "Access allowed only for trusted subjects")
        if fields != {"scheme": b"DOI"} or not self.mints:
            raise _ProblemError(400, "InvalidRequest", "Unsupported identifier type")
        self.minted.append(f"doi:10.5072/FK2/{len(self.minted)}")
        return {"Content-Type": "text/xml"}, f"<identifier>{self.minted[-1]}</identifier>".encode()

    def _search(self, query: str, index: list[dict[str, Any]]) -> bytes:
        """Return the records with a value that the query contains as a phrase."""
        found = [each for each in index if any(f'{key}:"{value}"' in query for key, value in each.items())]
        return json.dumps({"response": {"numFound": len(found), "docs": found}}).encode()

    def _create(
        self, pid: str, fields: dict[str, bytes], subject: str, *, old: Stored | None = None
    ) -> tuple[dict[str, str], bytes]:
        if subject == "public":
            raise _ProblemError(401, "NotAuthorized", "Access allowed only for trusted subjects")
        if pid in self.objects:
            if self.is_metacat:
                raise _ProblemError(500, "ServiceFailure", "An error occurred")
            raise _ProblemError(409, "IdentifierNotUnique", pid)
        made = Stored(pid, fields["object"], ElementTree.fromstring(fields["sysmeta"]), subject)
        self._check(made)
        if made.series and old is None and any(each.series == made.series for each in self.objects.values()):
            raise _ProblemError(409, "IdentifierNotUnique", made.series)
        self.objects[pid] = made
        return {"Content-Type": "text/xml"}, f"<identifier>{pid}</identifier>".encode()

    def _check(self, made: Stored) -> None:
        described = made.described
        assert described.tag == f"{{{TYPES}}}systemMetadata"
        assert described.findtext("identifier") == made.pid
        expected = (str(len(made.content)), hashlib.sha256(made.content).hexdigest())
        if (described.findtext("size"), described.findtext("checksum")) != expected:
            raise _ProblemError(400, "InvalidSystemMetadata", "checksum or size mismatch")
        if self.is_metacat and not made.content:
            raise _ProblemError(400, "InvalidSystemMetadata", "size must be positive")
        if described.findtext("formatId") == MAP and (missing := _named(made.content) - set(self.objects)):
            raise _ProblemError(400, "InvalidRequest", f"the map names objects that are not here: {missing}")

    def _update(self, pid: str, fields: dict[str, bytes], subject: str) -> tuple[dict[str, str], bytes]:
        if (old := self.objects.get(pid)) is None:
            raise _ProblemError(404, "NotFound", pid)
        if not old.may(subject, "write"):
            raise _ProblemError(401, "NotAuthorized", f"write by {subject}")
        if old.obsoleted_by is not None:
            raise _ProblemError(400, "InvalidRequest", f"{pid} is obsoleted already")
        new = fields["newPid"].decode()
        answer = self._create(new, fields, subject, old=old)
        old.obsoleted_by, self.objects[new].obsoletes = new, pid
        return answer

    def _get(self, identifier: str, subject: str) -> tuple[dict[str, str], bytes]:
        found = self._readable(identifier, subject)
        checksum = hashlib.sha256(found.content).hexdigest()
        headers = {
            "DataONE-Checksum": f"SHA-256,{checksum}",
            "DataONE-FormatId": found.described.findtext("formatId") or "",
        }
        return headers, found.content

    def _readable(self, identifier: str, subject: str) -> Stored:
        newest = [
            each for each in self.objects.values() if each.series == identifier and each.obsoleted_by is None
        ]
        found = self.objects.get(identifier) or (newest[0] if newest else None)
        if found is None:
            raise _ProblemError(404, "NotFound", identifier)
        if not found.may(subject, "read"):
            raise _ProblemError(401, "NotAuthorized", f"read by {subject}")
        return found


def make_public(stored: Stored) -> None:
    """Let everybody read an object, as a repository's tools do."""
    rule = ElementTree.SubElement(ElementTree.SubElement(stored.described, "accessPolicy"), "allow")
    for name, text in (("subject", "public"), ("permission", "read")):
        ElementTree.SubElement(rule, name).text = text


def _named(resource_map: bytes) -> set[str]:
    aggregated = re.findall(rb'ore:aggregates rdf:resource="[^"]*/([^"/]+)"', resource_map)
    return {unquote(each.decode()) for each in aggregated}


def _system_metadata(found: Stored) -> bytes:
    root = ElementTree.fromstring(ElementTree.tostring(found.described))
    for name, value in (("obsoletes", found.obsoletes), ("obsoletedBy", found.obsoleted_by)):
        if value is not None:
            ElementTree.SubElement(root, name).text = value
    return ElementTree.tostring(root)


class _Server(ThreadingHTTPServer):
    node: PublishingNode
    daemon_threads = False  # so that closing waits for them, and no socket outlives its test

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing about killed clients, which are part of many tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            return
        fields = fields_of(self.headers, body) if body else {}
        asked = Asked(self.command, self.path, self.headers.get("Authorization", ""), fields)
        with self.server.node.take(asked) as fault:
            self._answer(asked, fault)

    def _answer(self, asked: Asked, fault: Fault | None) -> None:
        if fault is Fault.LOST_REQUEST:
            return
        status, headers, content = (fault and fault.answer) or self.server.node.answer(asked)
        if fault is Fault.LOST_ANSWER:
            return
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_HEAD = do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing; tests look at `PublishingNode.asked`."""


def fields_of(headers: Message, body: bytes) -> dict[str, bytes]:
    """Parse the fields of a form. Source: RFC 7578."""
    boundary = b"--" + headers["Content-Type"].partition("boundary=")[2].encode()
    found = {}
    for part in body.split(boundary)[1:-1]:
        heading, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb' name="([^"]+)"', heading)
        assert name is not None
        found[name[1].decode()] = content.removesuffix(b"\r\n")
    return found
