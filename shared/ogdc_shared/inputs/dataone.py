"""Listing the files of a DataONE package, from a member node's search index or its resource map.

Source: DataONE Architecture, "MNQuery.query()" and "MNRead.get()" (REST API v2); the fields are those of the
DataONE index documentation, "Solr Index Fields".
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from ogdc_shared.documentation import LOGINS
from ogdc_shared.errors import InputNotFoundError, SourceUnavailableError
from ogdc_shared.filenames import last_component, relative_path
from ogdc_shared.inputs.dataone_maps import identifier_in_store, mapped_documents
from ogdc_shared.inputs.identifiers import identifiers
from ogdc_shared.plan import Checksum, InputFile
from ogdc_shared.several import several

if TYPE_CHECKING:
    import urllib3

PAGE_SIZE = 1000

_FIELDS = "id,fileName,size,checksum,checksumAlgorithm"
_PACKAGE_FIELDS = f"{_FIELDS},formatType,resourceMap,obsoletedBy"
_MAX_PAGE = 32 * 1024 * 1024
"""Bytes of one answer."""
_LISTED = 10


def resolve_dataset(
    node_url: str, identifier: str, *, filename: str | None, http: urllib3.PoolManager
) -> Iterator[InputFile]:
    """Yield the data files of a package, in the order of their identifiers, each once.

    Args:
        node_url: Base URL of the member node, such as https://arcticdata.io/metacat/d1/mn.
        identifier: Anything that names the package (see `identifiers`), or a single file of one.
        filename: Limits the files to those of this name, unless None; `*` and `?` are wildcards, and case is
            ignored.
        http: The pool to send requests with; it defines timeouts and retries.

    Raises:
        InputNotFoundError: the node does not know the package, or no file matches.
        SourceUnavailableError: the node does not answer, or its answer is not that of a member node.
    """
    base = node_url.rstrip("/")
    wanted = _matcher(filename)
    others: list[str] = []
    count = 0
    found = False
    for document in _files_of(base, identifier, http=http):
        name = str(document.get("fileName") or document["id"])
        if wanted.match(name.lower()) or wanted.match(name.lower().rpartition("/")[2]):
            found = True
            yield _input_file(base, document)
        else:
            count += 1
            others += [name] if count <= _LISTED else []
    if not found:
        raise InputNotFoundError(_nothing(base, identifier, filename=filename, others=others, count=count))


def _files_of(base: str, identifier: str, *, http: urllib3.PoolManager) -> Iterator[dict[str, Any]]:
    """Yield the records of a package's data files, whatever of it the identifier names."""
    documents = _documents(base, identifier, http=http)
    try:
        first = next(documents, None)
    except _NoIndexError:
        get = partial(_get, base, http=http)
        yield from mapped_documents(identifiers(identifier), get=get)
        return
    if first is not None:  # it is that of a resource map, as most recipes have it
        yield first
        yield from documents
        return
    known = _named(base, identifier, http=http)
    if (newer := _unindexed(base, identifier, known, http=http)) is not None:
        yield from newer
        return
    seen: set[str] = set()
    for named in known:
        found = [named] if named.get("formatType") == "DATA" else _package(base, named, http=http)
        for document in found:
            if document["id"] not in seen:
                seen.add(document["id"])
                yield document


def _named(base: str, identifier: str, *, http: urllib3.PoolManager) -> list[dict[str, Any]]:
    """Read the records of what an identifier may name: the newest of a series, else all there are."""
    forms = identifiers(identifier)
    query = " OR ".join(f"{field}:{_phrase(form)}" for form in forms for field in ("id", "seriesId"))
    answer = _search(base, query, fields=_PACKAGE_FIELDS, start=0, http=http)
    exact = [document for document in answer.documents if document["id"] in forms]
    newest = [document for document in answer.documents if not document.get("obsoletedBy")]
    return exact or newest or answer.documents


def _unindexed(
    base: str, identifier: str, known: list[dict[str, Any]], *, http: urllib3.PoolManager
) -> Iterator[dict[str, Any]] | None:
    """Return the files of a package that the node's index does not know yet, or None if it does.

    An index may lag behind; it would return the previous version of a series, or nothing.

    Source: Metacat 3.3.0, which indexes once it has answered; MNRead.getSystemMetadata of a series.
    """
    forms = identifiers(identifier)
    known_ids = {document["id"] for document in known}
    if known_ids & {*forms}:
        return None

    def get(path: str) -> bytes | None:
        status, body = _read(f"{base}/v2/{path}", {}, http=http)
        return None if status == 404 else body

    newest = identifier_in_store(forms, get=get)
    return None if newest is None or newest in known_ids else mapped_documents([newest], get=get)


def _package(base: str, named: dict[str, Any], *, http: urllib3.PoolManager) -> Iterator[dict[str, Any]]:
    """Yield the files of a package by its resource map's record or its metadata's: of the newest it is in."""
    maps = [named["id"]] if named.get("formatType") == "RESOURCE" else named.get("resourceMap") or []
    for resource_map in reversed(maps if isinstance(maps, list) else [maps]):
        documents = list(_documents(base, str(resource_map), http=http))
        if documents:
            return iter(documents)
    return iter(())


def _documents(base: str, identifier: str, *, http: urllib3.PoolManager) -> Iterator[dict[str, Any]]:
    """Yield the index's records of a package's data objects, page by page."""
    query = f"resourceMap:{_phrase(identifier)} AND -formatType:METADATA"
    before: set[str] = set()
    start, total = 0, 1
    while start < total:
        page = _search(base, query, fields=_FIELDS, start=start, http=http)
        total = page.total
        if not page.documents:
            return
        yield from (document for document in page.documents if document["id"] not in before)
        start += page.rows
        # A file added meanwhile pushes the last of this page to the next.
        before = {document["id"] for document in page.documents}


class _Page(NamedTuple):
    """Some of the records that a query finds."""

    total: int
    """How many it finds."""
    rows: int
    """How many of these the page had."""
    documents: list[dict[str, Any]]
    """Each once."""


def _search(base: str, query: str, *, fields: str, start: int, http: urllib3.PoolManager) -> _Page:
    asked = {
        "q": query,
        "fl": fields,
        "sort": "id asc",
        "start": str(start),
        "rows": str(PAGE_SIZE),
        "wt": "json",
    }
    answer = _ask(f"{base}/v2/query/solr/", asked, http=http)
    try:
        found = answer["response"]["docs"]
        documents = {str(document["id"]): document for document in found}
        return _Page(int(answer["response"]["numFound"]), len(found), list(documents.values()))
    except (KeyError, TypeError, ValueError) as exc:
        raise _not_a_node(base, "an answer without a list of files") from exc


class _NoIndexError(Exception):
    """A node has no search index; the files of its packages are in their maps."""


def _ask(url: str, fields: dict[str, str], *, http: urllib3.PoolManager) -> Any:
    status, body = _read(url, fields, http=http)
    if status == 404:
        raise _NoIndexError
    try:
        return json.loads(body)
    except ValueError as exc:
        raise _not_a_node(url, "something that is not JSON") from exc


def _get(base: str, path: str, *, http: urllib3.PoolManager) -> bytes | None:
    """Read a path below `v2/`; return None if the node itself answers that the object does not exist."""
    url = f"{base}/v2/{path}"
    status, body = _read(url, {}, http=http)
    if status == 404 and b"NotFound" not in body:
        raise _not_a_node(url, "status 404")
    return None if status == 404 else body


def _read(url: str, fields: dict[str, str], *, http: urllib3.PoolManager) -> tuple[int, bytes]:
    """What a node answers: 200 or 404, and the body."""
    from urllib3.exceptions import HTTPError

    try:
        response = http.request("GET", url, fields=fields, preload_content=False)
        try:
            body = response.read(_MAX_PAGE + 1)
        finally:
            response.release_conn()
    except HTTPError as exc:
        raise SourceUnavailableError(
            f"The DataONE node at {url} does not answer ({exc}). Try again later."
        ) from exc
    if response.status in {401, 403}:
        raise InputNotFoundError(
            f"The DataONE node at {url} answered with status {response.status}: it requires a login, or the "
            f"token has expired. Give a token for its host: {LOGINS}"
        )
    if response.status not in {200, 404}:
        raise _not_a_node(url, f"status {response.status}")
    if len(body) > _MAX_PAGE:
        raise _not_a_node(url, f"more than {_MAX_PAGE:,} bytes")
    return response.status, body


def _not_a_node(url: str, what: str) -> SourceUnavailableError:
    return SourceUnavailableError(
        f"The DataONE node at {url} answered with {what}. Try again later. If that does not help, the "
        "operator must check DATAONE_NODE_URL."
    )


def _phrase(identifier: str) -> str:
    """Quote a value so that Solr's query parser takes all of it literally.

    Source: Apache Solr Reference Guide, "Standard Query Parser", section "Escaping Special Characters".
    """
    return '"' + identifier.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _matcher(filename: str | None) -> re.Pattern[str]:
    """Compile a pattern in which only `*` and `?` are special, for names in lower case."""
    pattern = "*" if filename is None else filename.lower().replace("[", "[[]")
    return re.compile(fnmatch.translate(pattern))


def _input_file(base: str, document: dict[str, Any]) -> InputFile:
    return InputFile(
        source=f"{base}/v2/object/{quote(str(document['id']), safe='')}",
        name=_file_name(document.get("fileName")),
        directory=_directory(document.get("fileName")),
        size=document["size"] if isinstance(document.get("size"), int) else None,
        checksum=_checksum(document.get("checksumAlgorithm"), document.get("checksum")),
    )


def _file_name(name: object) -> str | None:
    """Return the base name of a file in the index, safe for any file system, or None if it has no name."""
    return last_component(name) or None if isinstance(name, str) else None


def _directory(name: object) -> str | None:
    """Return the directory part of a file's name in the index, or None if it has none."""
    parts = re.split(r"[/\\]", relative_path(name)) if isinstance(name, str) else []
    return "/".join(parts[:-1]) or None


def _checksum(algorithm: object, value: object) -> Checksum | None:
    """Read a checksum where this machine can compute its kind: DataONE's `SHA-256` is hashlib's `sha256`.

    Source: DataONE Architecture, Types.ChecksumAlgorithm (the Library of Congress'
    cryptographicHashFunctions).
    """
    if not isinstance(algorithm, str) or not isinstance(value, str):
        return None
    name = re.sub(r"^sha-(?=\d)", "sha", algorithm.lower()).replace("-", "_")
    known = name in hashlib.algorithms_guaranteed and not name.startswith("shake")
    return Checksum(name, value.lower()) if known and re.fullmatch(r"[0-9a-fA-F]+", value) else None


def _nothing(base: str, identifier: str, *, filename: str | None, others: list[str], count: int) -> str:
    if not others:
        return (
            f"DataONE knows no data files of {identifier!r} at {base}, or they are not public. Give the data "
            "set's DOI, or the address of its landing page, as dataset_identifier; for a private one, give a "
            f"token for the node's host: {LOGINS}"
        )
    return (
        f"No file of the DataONE package {identifier!r} is named {filename!r}. "
        f"There is: {several(others, of=count, shown=_LISTED)}."
    )
