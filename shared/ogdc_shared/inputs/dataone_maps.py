"""Listing the files of a DataONE package from its resource map, for nodes without a search index.

Source: DataONE Architecture, "MNRead" (REST API v2) and "Data Packaging"; OAI-ORE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from xml.etree.ElementTree import ParseError

from ogdc_shared.dataone.formats import RESOURCE_MAP
from ogdc_shared.dataone.identifiers import map_id
from ogdc_shared.errors import SourceUnavailableError
from ogdc_shared.xml_reading import parse

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_AGGREGATES = "{http://www.openarchives.org/ore/terms/}aggregates"
_DOCUMENTS = "{http://purl.org/spar/cito/}documents"
_IDENTIFIER = "{http://purl.org/dc/terms/}identifier"
_USED = "{http://www.w3.org/ns/prov#}used"
_LOCATION = "{http://www.w3.org/ns/prov#}atLocation"
"""What tells of folders; a node may have made something of `fileName` that its disk takes, as GMN does."""
_FIELDS = {"id": "identifier", "fileName": "fileName", "checksum": "checksum"}


def mapped_documents(forms: Iterable[str], *, get: Callable[[str], bytes | None]) -> Iterator[dict[str, Any]]:
    """Yield records of a package's data files in the form that the index would return.

    Args:
        forms: Candidate identifiers, of the resource map, the metadata, their series, or a single file.
        get: Reads a path below a node's `v2/`; returns None if there is no such object.

    Raises:
        SourceUnavailableError: the node's answer is not XML.
    """
    for form in forms:
        if (named := _described(form, get)) is None:
            continue
        mapped = named["id"] if named["formatId"] == RESOURCE_MAP else map_id(named["id"])
        if (content := get(f"object/{_segment(mapped)}")) is None:
            yield named
        else:
            for pid, location in sorted(mapped_data(content).items()):
                if document := _described(pid, get):
                    yield document | ({"fileName": location} if location else {})
        return


def identifier_in_store(forms: Iterable[str], *, get: Callable[[str], bytes | None]) -> str | None:
    """Return the identifier of the first object found (of a series, its newest), or None if there is none.

    Raises:
        SourceUnavailableError: the node's answer is not XML.
    """
    found = (_described(form, get) for form in forms)
    return next((str(each["id"]) for each in found if each is not None), None)


def _described(identifier: str, get: Callable[[str], bytes | None]) -> dict[str, Any] | None:
    """Return an object's system metadata with the index's field names, or None if it does not exist."""
    if (content := get(f"meta/{_segment(identifier)}")) is None:
        return None
    root = _parse(content)
    document: dict[str, Any] = {key: root.findtext(name) for key, name in _FIELDS.items()}
    checksum, size = root.find("checksum"), root.findtext("size") or ""
    document["id"] = document["id"] or identifier
    document["formatId"] = root.findtext("formatId")
    document["checksumAlgorithm"] = None if checksum is None else checksum.get("algorithm")
    document["size"] = int(size) if size.isdecimal() else None
    return document


def mapped_data(resource_map: bytes) -> dict[str, str | None]:
    """Identifiers of what a map aggregates, and where each is in the data set, as far as it says that.

    Without the metadata, which document the others.

    Raises:
        SourceUnavailableError: it is no XML.
    """
    texts: dict[str, dict[str, str]] = {}
    aggregated, metadata = set(), set()
    for about in _parse(resource_map):
        uri = about.get(f"{_RDF}about", "")
        for statement in about:
            if statement.tag == _AGGREGATES:
                aggregated.add(statement.get(f"{_RDF}resource", ""))
            elif statement.tag == _DOCUMENTS:
                metadata.add(uri)
            elif statement.text:
                texts.setdefault(uri, {})[statement.tag] = statement.text
    found = {}
    for uri in aggregated - metadata:
        known = texts.get(uri, {})
        found[known.get(_IDENTIFIER) or unquote(uri.rpartition("/")[2])] = known.get(_LOCATION)
    return found


def mapped_inputs(resource_map: bytes) -> frozenset[str]:
    """URLs of what the execution read that a map tells of.

    Raises:
        SourceUnavailableError: it is no XML.
    """
    return frozenset(each.get(f"{_RDF}resource", "") for each in _parse(resource_map).iter(_USED))


def _parse(content: bytes) -> Element:
    try:
        return parse(content)
    except ParseError as exc:
        raise SourceUnavailableError(
            f"The DataONE node answered with something that is not XML ({exc})."
        ) from exc


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")
