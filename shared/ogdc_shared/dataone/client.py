"""Which files a DataONE data package has, asked of a member node's search index.

Source: DataONE Architecture, "MNQuery.query()" and "MNRead.get()" (REST API v2); the fields are those of the
DataONE index documentation, "Solr Index Fields".
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ogdc_shared.errors import InputNotFoundError, SourceUnavailableError
from ogdc_shared.plan import Checksum, InputFile
from ogdc_shared.worker.names import last_component

if TYPE_CHECKING:
    import urllib3

PAGE_SIZE = 1000

_FIELDS = "id,fileName,size,checksum,checksumAlgorithm"
_MAX_PAGE = 32 * 1024 * 1024
"""Bytes of one answer."""
_LISTED = 10


def resolve_dataset(
    node_url: str, identifier: str, *, filename: str | None, http: urllib3.PoolManager
) -> Iterator[InputFile]:
    """Yield the data files of a package, in the order of their identifiers, each once.

    Args:
        node_url: Base URL of the member node, such as https://arcticdata.io/metacat/d1/mn.
        identifier: Identifier of the package's resource map.
        filename: Only files of this name; `*` and `?` are wildcards, case does not matter. None: all.
        http: Brings its own timeouts and retries.

    Raises:
        InputNotFoundError: the package is not known there, or no file has such a name.
        SourceUnavailableError: the node does not answer, or not as a member node would.
    """
    base = node_url.rstrip("/")
    wanted = _matcher(filename)
    others: list[str] = []
    found = False
    for document in _documents(base, identifier, http=http):
        name = str(document.get("fileName") or document["id"])
        if wanted.match(name.lower()):
            found = True
            yield _input_file(base, document)
        elif len(others) <= _LISTED:
            others.append(name)
    if not found:
        raise InputNotFoundError(_nothing(base, identifier, filename=filename, others=others))


def _documents(base: str, identifier: str, *, http: urllib3.PoolManager) -> Iterator[dict[str, Any]]:
    """Yield the index's records of a package's data objects, page by page."""
    query = f"resourceMap:{_phrase(identifier)} AND -formatType:METADATA"
    before: set[str] = set()
    start, total = 0, 1
    while start < total:
        fields = {
            "q": query,
            "fl": _FIELDS,
            "sort": "id asc",
            "start": str(start),
            "rows": str(PAGE_SIZE),
            "wt": "json",
        }
        answer = _ask(f"{base}/v2/query/solr/", fields, http=http)
        try:
            total = int(answer["response"]["numFound"])
            page = {str(document["id"]): document for document in answer["response"]["docs"]}
        except (KeyError, TypeError, ValueError) as exc:
            raise _not_a_node(base, "an answer without a list of files") from exc
        if not page:
            return
        yield from (document for pid, document in page.items() if pid not in before)
        start += len(answer["response"]["docs"])
        before = set(page)  # a file added meanwhile pushes the last of this page to the next


def _ask(url: str, fields: dict[str, str], *, http: urllib3.PoolManager) -> Any:
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
    if response.status != 200:
        raise _not_a_node(url, f"status {response.status}")
    if len(body) > _MAX_PAGE:
        raise _not_a_node(url, "an endless answer")
    try:
        return json.loads(body)
    except ValueError as exc:
        raise _not_a_node(url, "something that is not JSON") from exc


def _not_a_node(url: str, what: str) -> SourceUnavailableError:
    return SourceUnavailableError(
        f"The DataONE node at {url} answered with {what}. Try again later; if that does not help, the "
        "operator has to check DATAONE_NODE_URL."
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
        size=document["size"] if isinstance(document.get("size"), int) else None,
        checksum=_checksum(document.get("checksumAlgorithm"), document.get("checksum")),
    )


def _file_name(name: object) -> str | None:
    """Return the last part of what the index calls a file, as a name any disk takes; None: no name."""
    return last_component(name) or None if isinstance(name, str) else None


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


def _nothing(base: str, identifier: str, *, filename: str | None, others: list[str]) -> str:
    if not others:
        return (
            f"DataONE knows no data files of {identifier!r} at {base}. Give the identifier of the data "
            "package's resource map as dataset_identifier; it mostly begins with resource_map_."
        )
    listed = ", ".join(others[:_LISTED]) + (", …" if len(others) > _LISTED else "")
    return f"No file of the DataONE package {identifier!r} is named {filename!r}. There is: {listed}."
