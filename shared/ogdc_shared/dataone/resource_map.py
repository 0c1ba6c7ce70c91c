"""A package's resource map: which objects belong together, and the provenance of the results.

Source: OAI-ORE, "Resource Map Implementation in RDF/XML"; DataONE Architecture, "Data Packaging", and the
queries with which its indexer reads maps; ProvONE (2015-01-15) for executions, programs and data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from ogdc_shared.dataone.identifiers import resolve_url
from ogdc_shared.dataone.member import OUTPUT, PROGRAM
from ogdc_shared.dataone.xml_text import add, document

if TYPE_CHECKING:
    from ogdc_shared.dataone.member import Member

_NAMESPACES = {
    "cito": "http://purl.org/spar/cito/",
    "dcterms": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "ore": "http://www.openarchives.org/ore/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "provone": "http://purl.dataone.org/provone/2015/01/15/ontology#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}
_MAX_DERIVED = 10_000
"""Maximum number of input-output pairs that are listed. The execution always lists the inputs."""
_XSD = "http://www.w3.org/2001/XMLSchema#"


class Execution(NamedTuple):
    """The run that made the results."""

    run_id: str
    """A UUID."""
    agent: str | None
    """ORCID iD of the run's owner, or None if unknown."""
    inputs: Sequence[str]
    """URLs of the inputs."""


class Package(NamedTuple):
    """The content of a resource map."""

    pid: str
    """Identifier of the map."""
    metadata: str
    """Identifier of the metadata."""
    members: Sequence[Member]
    """The data objects."""
    modified: str
    """A time in ISO 8601."""
    creator: str
    """Name of the program that made the package."""
    execution: Execution


def resource_map(package: Package) -> bytes:
    """Write the map of a package."""
    for prefix, namespace in _NAMESPACES.items():
        ElementTree.register_namespace(prefix, namespace)
    root = ElementTree.Element(_name("rdf:RDF"))
    _add_map(root, package)
    _add_aggregation(root, package)
    _add_metadata(root, package)
    for member in package.members:
        _add_member(root, package, member)
    _add_execution(root, package)
    for url in package.execution.inputs:
        about = _describe(root, url)
        _literal(about, "dcterms:identifier", url)
        _refer(about, "rdf:type", _uri("provone:Data"))
    return document(root)


def _add_map(root: ElementTree.Element, package: Package) -> None:
    about = _describe(root, resolve_url(package.pid))
    _refer(about, "rdf:type", _uri("ore:ResourceMap"))
    _literal(about, "dcterms:identifier", package.pid)
    _literal(about, "dcterms:modified", package.modified, kind="dateTime")
    _refer(about, "ore:describes", _aggregation(package))
    agent = add(add(about, _name("dcterms:creator")), _name("dcterms:Agent"))
    _literal(agent, "foaf:name", package.creator)


def _add_aggregation(root: ElementTree.Element, package: Package) -> None:
    about = _describe(root, _aggregation(package))
    _refer(about, "rdf:type", _uri("ore:Aggregation"))
    _refer(about, "ore:isDescribedBy", resolve_url(package.pid))
    for pid in (package.metadata, *(member.pid for member in package.members)):
        _refer(about, "ore:aggregates", resolve_url(pid))


def _add_metadata(root: ElementTree.Element, package: Package) -> None:
    """State that the metadata describe each object and, as the index requires, themselves."""
    about = _aggregated(root, package, package.metadata)
    for pid in (package.metadata, *(member.pid for member in package.members)):
        _refer(about, "cito:documents", resolve_url(pid))


def _add_member(root: ElementTree.Element, package: Package, member: Member) -> None:
    about = _aggregated(root, package, member.pid)
    _literal(about, "prov:atLocation", member.path)
    if member.role == OUTPUT:
        _refer(about, "rdf:type", _uri("provone:Data"))
        _refer(about, "prov:wasGeneratedBy", _execution(package))
        if len(package.execution.inputs) * len(package.members) <= _MAX_DERIVED:
            for url in package.execution.inputs:
                _refer(about, "prov:wasDerivedFrom", url)
    elif member.role == PROGRAM:
        _refer(about, "rdf:type", _uri("provone:Program"))


def _add_execution(root: ElementTree.Element, package: Package) -> None:
    about = _describe(root, _execution(package))
    _refer(about, "rdf:type", _uri("provone:Execution"))
    _literal(about, "dcterms:identifier", _execution(package))
    for url in package.execution.inputs:
        _refer(about, "prov:used", url)
    association = add(add(about, _name("prov:qualifiedAssociation")), _name("prov:Association"))
    for member in package.members:
        if member.role == PROGRAM:
            _refer(association, "prov:hadPlan", resolve_url(member.pid))
    if package.execution.agent:
        _refer(association, "prov:agent", f"https://orcid.org/{package.execution.agent}")


def _aggregated(root: ElementTree.Element, package: Package, pid: str) -> ElementTree.Element:
    about = _describe(root, resolve_url(pid))
    _literal(about, "dcterms:identifier", pid)
    _refer(about, "ore:isAggregatedBy", _aggregation(package))
    _refer(about, "cito:isDocumentedBy", resolve_url(package.metadata))
    return about


def _aggregation(package: Package) -> str:
    return f"{resolve_url(package.pid)}#aggregation"


def _execution(package: Package) -> str:
    return f"urn:uuid:{package.execution.run_id}"


def _describe(root: ElementTree.Element, uri: str) -> ElementTree.Element:
    return add(root, _name("rdf:Description"), **{_name("rdf:about"): uri})


def _refer(about: ElementTree.Element, predicate: str, uri: str) -> None:
    add(about, _name(predicate), **{_name("rdf:resource"): uri})


def _literal(about: ElementTree.Element, predicate: str, text: str, *, kind: str = "string") -> None:
    add(about, _name(predicate), text, **{_name("rdf:datatype"): _XSD + kind})


def _uri(name: str) -> str:
    prefix, _, local = name.partition(":")
    return _NAMESPACES[prefix] + local


def _name(name: str) -> str:
    """Return a prefixed name as ElementTree writes it, with its namespace in braces."""
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"
