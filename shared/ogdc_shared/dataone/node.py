"""A member node, as far as publishing takes one.

Source: DataONE Architecture, "Member Node APIs" (MNStorage.create, update and generateIdentifier, MNRead.get,
describe and getSystemMetadata; REST, version 2).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from ogdc_shared.dataone import object_list
from ogdc_shared.dataone.multipart import Form, Multipart
from ogdc_shared.dataone.system_metadata import PUBLIC
from ogdc_shared.errors import (
    ForbiddenError,
    InvalidRequestError,
    SourceUnavailableError,
    UnsupportedError,
)
from ogdc_shared.xml_reading import parse

if TYPE_CHECKING:
    import urllib3

    from ogdc_shared.dataone.member import Member
    from ogdc_shared.dataone.token import Token

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Answers after which the object may be there or not; 409 is that of a repeated create."""
_REFUSED = frozenset({401, 403})
_MINTS_NONE = frozenset({400, 404, 405, 501})
"""What nodes without DOIs answer: GMN 3.5.2 400, others NotImplemented."""
_DOI = re.compile(r"doi:10\.[0-9]{4,9}/[!-~]{1,200}")
_MAX_SHORT = 1 << 20
"""Bytes of an error, or of system metadata."""


class Description(NamedTuple):
    """What a node says of an object that it has."""

    size: str
    checksum: str
    """Algorithm and digest, as `sha-256,9f86…`."""
    format_id: str

    @classmethod
    def of(cls, member: Member) -> Description:
        """What a node has to say of an object."""
        return cls(str(member.size), f"sha-256,{member.sha256}", member.format_id)


class State(NamedTuple):
    """Where an object stands among its versions."""

    pid: str
    obsoletes: str | None
    obsoleted_by: str | None
    series: str | None
    is_public: bool
    is_archived: bool = False
    """Whether it was withdrawn: it is still read by its identifier, and no more found."""


class _Response(NamedTuple):
    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes


class Node:
    """A node; its address alone gets the token, which is asked for with each call.

    Each call raises SourceUnavailableError where the node does not answer, or may answer better later; the
    object of a `create` or `update` may then be there or not. ForbiddenError: the token may not do that.
    """

    def __init__(self, url: str, *, token: Callable[[], Token], http: urllib3.HTTPConnectionPool) -> None:
        """Ask nothing yet.

        Args:
            url: Base URL, such as https://arcticdata.io/metacat/d1/mn; see `checked_url`.
            token: Gives one that is not over.
            http: Connections to its origin, with their timeouts.
        """
        self.url = url
        self._token = token
        self._http = http
        self._path = f"{urlsplit(url).path}/v2/"
        self._stopped = threading.Event()
        self._time: float | None = None
        self.is_listing = True
        """Whether `listed` is worth asking, as far as its caller knows."""

    @property
    def time(self) -> float | None:
        """Return the node's time from its last response, in seconds since 1970, or None if unknown."""
        return self._time

    def stop(self) -> None:
        """Stop sending: uploads in other threads end with a KeyboardInterrupt."""
        self._stopped.set()

    def describe(self, pid: str) -> Description | None:
        """Return the description of an object, or None if it does not exist."""
        response = self._ask("HEAD", f"object/{_segment(pid)}")
        if response.status == 404:
            return None
        self._check(response, f"HEAD of {pid}")
        names = ("Content-Length", "DataONE-Checksum", "DataONE-FormatId")
        size, checksum, format_id = (response.headers.get(name, "") for name in names)
        return Description(size, checksum.lower(), format_id)

    def listed(self, since: float, *, most: int) -> dict[str, Description]:
        """Return objects that were added or changed since a time (see `time`), as far as they are listed.

        Args:
            since: In seconds since 1970, by the node's clock.
            most: If a page reports more objects in total, no further page is requested, to limit the load.
        """
        found: dict[str, Description] = {}
        start, total = 0, 1
        for _ in range(object_list.MAX_PAGES):
            if not start < total <= most:
                break
            path = f"object?{object_list.query(since, start=start)}"
            response = self._ask("GET", path, limit=object_list.MAX_PAGE)
            self._check(response, "question for its objects")
            try:
                page = object_list.read(response.body)
            except (ElementTree.ParseError, ValueError) as exc:
                raise InvalidRequestError(f"The node {self.url} answers no list ({exc}).") from exc
            if not page.objects:
                break
            found |= {pid: Description(*each) for pid, each in page.objects.items()}
            start, total = start + len(page.objects), page.total
        return found

    def state(self, identifier: str) -> State | None:
        """Return the state of an object, or of a series' newest object; None if it does not exist."""
        response = self._ask("GET", f"meta/{_segment(identifier)}")
        if response.status == 404:
            return None
        self._check(response, f"question for {identifier}")
        return self._state(response.body)

    def check_writable(self, pid: str) -> None:
        """Check that the token may replace an object."""
        response = self._ask("GET", f"isAuthorized/{_segment(pid)}?action=write")
        self._check(response, f"question who may write {pid}")

    def mint(self) -> str:
        """Have it make a DOI that nothing has yet.

        Raises:
            UnsupportedError: it makes none.
        """
        response = self._ask("POST", "generate", body=Form({"scheme": "DOI"}))
        if response.status in _MINTS_NONE:
            raise UnsupportedError(
                f"The node {self.url} mints no DOIs ({response.status}{_reason(response)}) Leave out "
                "`metadata.identifier: doi`, or ask its operators. Nothing was sent."
            )
        self._check(response, "question for a DOI")
        try:
            minted = (parse(response.body).text or "").strip()
        except ElementTree.ParseError:
            minted = ""
        if not _DOI.fullmatch(minted):
            raise SourceUnavailableError(f"The node {self.url} answers no DOI: {minted[:100]!r}.")
        return minted

    def read(self, pid: str, *, limit: int) -> bytes:
        """Read an object of at most `limit` bytes."""
        response = self._ask("GET", f"object/{_segment(pid)}", limit=limit)
        self._check(response, f"GET of {pid}")
        return response.body

    def create(self, member: Member, *, system_metadata: bytes, file: Path) -> None:
        """Send an object that is not there yet.

        Raises:
            InvalidRequestError: the node refuses the object, or the file is another one by now.
            OSError: the file cannot be read.
        """
        body = Multipart(member, field="pid", system_metadata=system_metadata, file=file)
        self._check(self._ask("POST", "object", body=body), f"creation of {member.pid}")

    def update(self, old: str, member: Member, *, system_metadata: bytes, file: Path) -> None:
        """Send an object in place of another, which stays readable; raises as `create` does."""
        body = Multipart(member, field="newPid", system_metadata=system_metadata, file=file)
        self._check(self._ask("PUT", f"object/{_segment(old)}", body=body), f"update of {old}")

    def _ask(
        self, method: str, path: str, *, body: Multipart | Form | None = None, limit: int = _MAX_SHORT
    ) -> _Response:
        from urllib3.exceptions import HTTPError

        headers = {"Authorization": f"Bearer {self._token().text}", "User-Agent": "ogdc-runner"}
        if body is not None:
            headers |= {"Content-Type": body.content_type, "Content-Length": str(body.length)}
        try:
            response = self._http.urlopen(
                method,
                f"{self._path}{path}",
                body=None if body is None else self._until_stopped(body),
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            content = response.read(limit + 1)
        except HTTPError as exc:
            raise SourceUnavailableError(f"The node {self.url} does not answer ({exc}).") from exc
        if len(content) > limit:
            response.close()
            raise InvalidRequestError(f"The node {self.url} answers {path} with more than {limit:,} bytes.")
        response.release_conn()
        self._time = object_list.time_of(response.headers) or self._time
        return _Response(response.status, response.headers, content)

    def _until_stopped(self, body: Iterable[bytes]) -> Iterator[bytes]:
        for piece in body:
            if self._stopped.is_set():
                raise KeyboardInterrupt
            yield piece

    def _check(self, response: _Response, what: str) -> None:
        status = response.status
        if status == 200:
            return
        message = f"The node {self.url} answered the {what} with {status}{_reason(response)}"
        if status in _PASSING:
            raise SourceUnavailableError(f"{message} What was sent is kept; publish again later.")
        if status in _REFUSED:
            raise ForbiddenError(
                f"{message} Either it takes the token for nobody's, since that is of another network or was "
                f"changed, or it does not let {self._token().subject} do that. What was sent is kept."
            )
        if 300 <= status < 400:
            raise InvalidRequestError(f"{message} It leads elsewhere, which gets no token. Is its URL right?")
        raise InvalidRequestError(message)

    def _state(self, document: bytes) -> State:
        try:
            root = parse(document)
            pid = root.findtext("identifier")
        except ElementTree.ParseError as exc:
            raise SourceUnavailableError(f"The node {self.url} answers no system metadata ({exc}).") from exc
        if not pid:
            raise SourceUnavailableError(f"The node {self.url} answers system metadata without identifier.")
        readers = {
            subject.text
            for rule in root.iter("allow")
            if any(permission.text == "read" for permission in rule.iter("permission"))
            for subject in rule.iter("subject")
        }
        obsoletes, obsoleted_by, series = (
            root.findtext(name) or None for name in ("obsoletes", "obsoletedBy", "seriesId")
        )
        is_archived = root.findtext("archived") in {"true", "1"}
        return State(pid, obsoletes, obsoleted_by, series, PUBLIC in readers, is_archived)


def _segment(identifier: str) -> str:
    """An identifier as a part of a path."""
    return quote(identifier, safe="")


def _reason(response: _Response) -> str:
    """The reason in an answer that is an error in DataONE's form, as the end of a sentence."""
    if name := response.headers.get("DataONE-Exception-Name"):
        return f" ({name}: {response.headers.get('DataONE-Exception-Description', '')[:300]})."
    try:
        error = parse(response.body)
    except ElementTree.ParseError:
        return "."
    return f" ({error.get('name', '')}: {' '.join((error.findtext('description') or '').split())[:300]})."
