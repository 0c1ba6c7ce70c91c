"""A DataONE member node with the calls that we use: the Solr query of a package's files, and the files.

::

    with FileServer(directory) as server:
        node = MemberNode(server, {"map_a": [DataFile("urn:1", "a.csv", b"1,2")]})
        ... node.url ...

It reads a query as Solr's parser would as far as quotes go, so that no identifier becomes a query unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, NamedTuple

from support.http import Answer, FileServer, Request

_PHRASE = re.compile(r'(id|seriesId):"((?:[^"\\]|\\.)*)"')
_QUERY = re.compile(r'resourceMap:"((?:[^"\\]|\\.)*)" AND -formatType:METADATA')
BASE = "/metacat/d1/mn"


class DataFile(NamedTuple):
    """An object of a package."""

    identifier: str
    name: str | None
    content: bytes = b""
    metadata: bool = False
    """Whether it is the package's metadata instead of data."""
    checksum_algorithm: str = "SHA-256"
    series: str | None = None
    """The identifier of its series of versions, or None."""
    obsoleted_by: str | None = None
    """The identifier of the next version, or None."""


class MemberNode:
    """Answers under `BASE` of a `FileServer`.

    Attributes:
        most_rows: The longest page, whatever is asked for.
    """

    def __init__(
        self, server: FileServer, packages: dict[str, list[DataFile]], *, most_rows: int = 10_000
    ) -> None:
        self.url = f"{server.url}{BASE}"
        self.packages = packages
        self.most_rows = most_rows
        self.queries: list[dict[str, str]] = []
        server.routes[f"{BASE}/v2/query/solr/"] = self._query
        for file in (file for files in packages.values() for file in files):
            server.routes[f"{BASE}/v2/object/{file.identifier}"] = lambda _, file=file: self._object(file)  # type: ignore[misc]

    def _query(self, request: Request) -> Answer:
        asked = {key: values[0] for key, values in request.query.items()}
        self.queries.append(asked)
        match = _QUERY.fullmatch(asked["q"])
        if match:
            files = sorted(f for f in self.packages.get(_unquoted(match[1]), []) if not f.metadata)
        elif asked["q"] == " OR ".join(phrase[0] for phrase in _PHRASE.finditer(asked["q"])):
            files = sorted(self._named(asked["q"]))
        else:
            return Answer(status=400, body=b'{"error": {"msg": "cannot parse the query"}}')
        start, rows = int(asked.get("start", 0)), min(int(asked.get("rows", 10)), self.most_rows)
        fields = asked["fl"].split(",")
        documents = [_document(file, fields, self._maps(file)) for file in files[start : start + rows]]
        body = {"response": {"numFound": len(files), "start": start, "docs": documents}}
        return Answer(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})

    def _named(self, query: str) -> set[DataFile]:
        """Return the objects with one of the identifiers; a resource map is also an object."""
        wanted = {(field, _unquoted(value)) for field, value in _PHRASE.findall(query)}
        files = {file for files in self.packages.values() for file in files}
        maps = {DataFile(name, None) for name in self.packages if ("id", name) in wanted}
        return maps | {f for f in files if {("id", f.identifier), ("seriesId", f.series)} & wanted}

    def _maps(self, file: DataFile) -> list[str]:
        return [name for name, files in self.packages.items() if file in files]

    def _object(self, file: DataFile) -> Answer:
        headers = {"Content-Disposition": f'inline; filename="{file.name}"'} if file.name else {}
        return Answer(body=file.content, headers=headers)


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value)


def _document(file: DataFile, fields: list[str], maps: list[str]) -> dict[str, Any]:
    algorithm = file.checksum_algorithm.lower().replace("-", "")
    known = algorithm in hashlib.algorithms_available
    document = {
        "id": file.identifier,
        "fileName": file.name,
        "size": len(file.content),
        "checksum": hashlib.new(algorithm, file.content).hexdigest() if known else "12345",
        "checksumAlgorithm": file.checksum_algorithm,
        "formatType": "METADATA" if file.metadata else "DATA" if maps else "RESOURCE",
        "resourceMap": maps or None,
        "obsoletedBy": file.obsoleted_by,
    }
    return {key: value for key, value in document.items() if key in fields and value is not None}
