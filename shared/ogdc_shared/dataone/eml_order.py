"""The author's own EML: which element describes which file, and where additions belong.

Source: EML 2.2.0, eml-dataset.xsd, eml-resource.xsd, eml-entity.xsd and eml-physical.xsd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from ogdc_shared.dataone.member import Member

_ENTITIES = ("dataTable", "spatialRaster", "spatialVector", "storedProcedure", "view", "otherEntity")
_ORDERS = {
    "dataset": (
        *("alternateIdentifier", "shortName", "title", "creator", "metadataProvider", "associatedParty"),
        *("pubDate", "language", "series", "abstract", "keywordSet", "additionalInfo", "intellectualRights"),
        *("licensed", "distribution", "coverage", "annotation", "purpose", "introduction", "gettingStarted"),
        *("acknowledgements", "maintenance", "contact", "publisher", "pubPlace", "methods", "project"),
        *("", "referencePublication", "usageCitation", "literatureCited"),
    ),
    "physical": (
        *("objectName", "size", "authentication", "compressionMethod", "encodingMethod"),
        *("characterEncoding", "dataFormat", "distribution"),
    ),
}
"""Names of an element's children in the order that the schema requires; "" stands for any other name."""
_FACTS = frozenset({"objectName", "size", "authentication", "distribution"})
"""Children of `physical` that follow from the file."""


def in_order(parent: Element) -> None:
    """Sort an element's children into the order of its schema. Children of one name keep their order."""
    order = _ORDERS[parent.tag]
    ranks = {name: rank for rank, name in enumerate(order)}
    parent[:] = sorted(parent, key=lambda child: ranks.get(child.tag, ranks.get("", len(order))))


def physical_of(entity: Element) -> Element:
    """Return the `physical` of an entity without what follows from the file; it is created if missing."""
    physical = entity.find("physical")
    if physical is None:
        before = sum(
            each.tag in {"alternateIdentifier", "entityName", "entityDescription"} for each in entity
        )
        physical = ElementTree.Element("physical")
        entity.insert(before, physical)
    for fact in [each for each in physical if each.tag in _FACTS]:
        physical.remove(fact)
    return physical


class Described:
    """The entities that an author describes, each of which describes one file."""

    def __init__(self, dataset: Element) -> None:
        self._left = [each for each in dataset if each.tag in _ENTITIES]

    def pop(self, member: Member) -> Element | None:
        """Remove and return the element of a file, by path or name, or None unless exactly one matches."""
        for name in (member.path, member.name):
            named = [each for each in self._left if name in _names(each)]
            if len(named) == 1:
                self._left.remove(named[0])
                return named[0]
        return None


def _names(entity: Element) -> set[str]:
    found = (entity.findtext("physical/objectName"), entity.findtext("entityName"))
    return {name.strip() for name in found if name}
