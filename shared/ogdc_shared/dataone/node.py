"""A client of a DataONE member node, with the calls that publishing needs.

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
from ogdc_shared.statuses import PASSING
from ogdc_shared.xml_reading import parse

if TYPE_CHECKING:
    import urllib3

    from ogdc_shared.dataone.member import Member
    from ogdc_shared.dataone.token import Token

_UNSURE = PASSING | {408, 409, 425}
"""Status codes after which the object may or may not exist; a repeated create gets 409."""
_REFUSED = frozenset({401, 403})
_MINTS_NONE = frozenset({400, 404, 405, 501})
"""Status codes of nodes that mint no DOIs: GMN 3.5.2 responds with 400, others with NotImplemented."""
_DOI = re.compile(r"doi:10\.[0-9]{4,9}/[!-~]{1,200}")
_MAX_SHORT = 1 << 20
"""Maximum size of an error or of system metadata, in bytes."""


class Description(NamedTuple):
    """How a node describes one of its objects."""

    size: str
    checksum: str
    """Algorithm and digest, as `sha-256,9f86…`."""
    format_id: str

    @classmethod
    def of(cls, member: Member) -> Description:
        """Return the description that a node must give of an object."""
        return cls(str(member.size), f"sha-256,{member.sha256}", member.format_id)


class State(NamedTuple):
    """The place of an object among its versions, and who may read it."""

    pid: str
    obsoletes: str | None
    obsoleted_by: str | None
    series: str | None
    is_public: bool
    is_archived: bool = False
    """Whether it was withdrawn: it can still be read by its identifier, but searches no longer find it."""


class _Response(NamedTuple):
    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes


class Node:
    """A member node. The token is read again for each call, and sent to no other address.

    Each call raises SourceUnavailableError if the node does not respond or a later call may succeed. The
    object of a `create` or `update` may or may not exist then. Each call raises ForbiddenError if the token
    does not allow it.
    """

    def __init__(self, url: str, *, token: Callable[[], Token], http: urllib3.HTTPConnectionPool) -> None:
        """Prepare the client; nothing is requested yet.

        Args:
            url: Base URL, such as https://arcticdata.io/metacat/d1/mn; see `checked_url`.
            token: Returns a token that has not expired.
            http: Connections to the node's origin, with timeouts.
        """
        self.url = url
        self._token = token
        self._http = http
        self._path = f"{urlsplit(url).path}/v2/"
        self._stopped = threading.Event()
        self._time: float | None = None
        self.is_listing = True
        """Whether `listed` has found new objects so far; its caller sets this."""

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
        """Return the objects that were added or changed since a time, as far as the node lists them.

        Args:
            since: In seconds since 1970, by the node's clock (see `time`).
            most: If a page reports more objects in total, no further page is requested, to limit the load.

        Raises:
            InvalidRequestError: the node rejects the request, or sends no list of objects.
        """
        found: dict[str, Description] = {}
        start, total = 0, 1
        for _ in range(object_list.MAX_PAGES):
            if not start < total <= most:
                break
            path = f"object?{object_list.query(since, start=start)}"
            response = self._ask("GET", path, limit=object_list.MAX_PAGE)
            self._check(response, "request for its list of objects")
            try:
                page = object_list.read(response.body)
            except (ElementTree.ParseError, ValueError) as exc:
                raise InvalidRequestError(
                    f"The node {self.url} sent something other than a list of objects ({exc})."
                ) from exc
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
        self._check(response, f"request for the system metadata of {identifier}")
        return self._state(response.body)

    def check_writable(self, pid: str) -> None:
        """Check that the token may replace an object."""
        response = self._ask("GET", f"isAuthorized/{_segment(pid)}?action=write")
        self._check(response, f"request whether the token may write {pid}")

    def mint(self) -> str:
        """Have the node mint a new DOI, and return it.

        Raises:
            UnsupportedError: the node mints no DOIs.
        """
        response = self._ask("POST", "generate", body=Form({"scheme": "DOI"}))
        if response.status in _MINTS_NONE:
            raise UnsupportedError(
                f"The node {self.url} mints no DOIs ({response.status}{_reason(response)}) Leave out "
                "`metadata.identifier: doi`, or ask its operators. Nothing was sent."
            )
        self._check(response, "request for a DOI")
        try:
            minted = (parse(response.body).text or "").strip()
        except ElementTree.ParseError:
            minted = ""
        if not _DOI.fullmatch(minted):
            raise SourceUnavailableError(f"The node {self.url} sent {minted[:100]!r}, which is not a DOI.")
        return minted

    def read(self, pid: str, *, limit: int) -> bytes:
        """Read an object of at most `limit` bytes."""
        response = self._ask("GET", f"object/{_segment(pid)}", limit=limit)
        self._check(response, f"GET of {pid}")
        return response.body

    def create(self, member: Member, *, system_metadata: bytes, file: Path) -> None:
        """Upload an object that the node does not have yet.

        Raises:
            InvalidRequestError: the node refuses the object, or the file was changed or cannot be read.
        """
        body = Multipart(member, field="pid", system_metadata=system_metadata, file=file)
        self._check(self._ask("POST", "object", body=body), f"creation of {member.pid}")

    def update(self, old: str, member: Member, *, system_metadata: bytes, file: Path) -> None:
        """Upload an object that replaces another one, which stays readable. Raises the errors of `create`."""
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
            raise InvalidRequestError(f"The node {self.url} sent more than {limit:,} bytes for {path}.")
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
        if status in _UNSURE:
            raise SourceUnavailableError(f"{message} What was sent is kept; publish again later.")
        if status in _REFUSED:
            raise ForbiddenError(
                f"{message} Either it does not accept the token, because the token was changed or belongs to "
                f"another network, or it does not let {self._token().subject} do that. What was sent is kept."
            )
        if 300 <= status < 400:
            raise InvalidRequestError(
                f"{message} It redirects, and the token is not sent to another address. Check the node's URL."
            )
        raise InvalidRequestError(message)

    def _state(self, document: bytes) -> State:
        try:
            root = parse(document)
            pid = root.findtext("identifier")
        except ElementTree.ParseError as exc:
            raise SourceUnavailableError(
                f"The node {self.url} sent system metadata that are not XML ({exc})."
            ) from exc
        if not pid:
            raise SourceUnavailableError(f"The node {self.url} sent system metadata without an identifier.")
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
    """Return an identifier as a segment of a path."""
    return quote(identifier, safe="")


def _reason(response: _Response) -> str:
    """Return the reason of a DataONE error as the end of a sentence, or a full stop."""
    if name := response.headers.get("DataONE-Exception-Name"):
        return f" ({name}: {response.headers.get('DataONE-Exception-Description', '')[:300]})."
    try:
        error = parse(response.body)
    except ElementTree.ParseError:
        return "."
    return f" ({error.get('name', '')}: {' '.join((error.findtext('description') or '').split())[:300]})."
