"""A data set's metadata in the Ecological Metadata Language 2.2.0, as the Arctic Data Center uses it.

Files are `otherEntity`, because `spatialRaster` and `spatialVector` require definitions and accuracies of
every attribute, which only the author knows, and the name of a CRS from a list without the polar ones.

Source: EML 2.2.0, the schemas and their documentation; the order of elements is fixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from ogdc_shared.dataone.eml_order import Described, in_order, physical_of
from ogdc_shared.dataone.formats import EML
from ogdc_shared.dataone.identifiers import resolve_url
from ogdc_shared.dataone.member import OUTPUT, PROGRAM
from ogdc_shared.dataone.seen import Seen, union
from ogdc_shared.dataone.words import Geographic
from ogdc_shared.dataone.xml_text import add, add_given, add_paragraphs, document
from ogdc_shared.recipe.prose import paragraphs
from ogdc_shared.xml_reading import parse

if TYPE_CHECKING:
    from ogdc_shared.dataone.member import Member
    from ogdc_shared.dataone.words import Award, Metadata, Party, Temporal

_SYSTEM = "https://search.dataone.org"
_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance"
_ABOUT = {
    OUTPUT: "An output of the recipe",
    PROGRAM: "The commands that made the outputs from the inputs.",
}
_ABOUT_OTHERS = "Provenance of the outputs: an RO-Crate with inputs, commands, software and checksums."


_LICENSES = {
    "CC-BY-4.0": (
        "Creative Commons Attribution 4.0 International",
        "https://creativecommons.org/licenses/by/4.0/",
    ),
    "CC0-1.0": (
        "Creative Commons Zero v1.0 Universal",
        "https://creativecommons.org/publicdomain/zero/1.0/",
    ),
}
"""Name and URL of the licenses that repositories ask for, by SPDX id.

Source: SPDX's list of licenses, names and `seeAlso`."""


class DataSet(NamedTuple):
    """The content of the metadata."""

    pid: str
    """Identifier of the metadata."""
    metadata: Metadata
    license: str
    """An SPDX id or a URL."""
    published_on: str
    """A date, as `2024-05-31`."""
    steps: Sequence[Sequence[str]]
    """The steps of processing, in order; each step has several paragraphs."""
    members: Sequence[Member]
    """The data objects, in order."""
    seen: Mapping[str, Seen] = {}
    """Facts about files, by path."""
    given: bytes | None = None
    """The author's own EML 2.2.0, which is completed, or None."""


def eml(about: DataSet) -> bytes:
    """Write a data set's metadata, or complete those that its author has written."""
    ElementTree.register_namespace("eml", EML)
    root = ElementTree.Element(f"{{{EML}}}eml") if about.given is None else parse(about.given)
    root.set("packageId", about.pid)
    root.set("system", _SYSTEM)
    if about.given is None:
        root.set(f"{{{_SCHEMA}}}schemaLocation", f"{EML} {EML}/eml.xsd")
        _add_dataset(add(root, "dataset"), about)
    for dataset in root.iterfind("dataset") if about.given is not None else ():
        _complete(dataset, about)
    return document(root)


def _complete(dataset: ElementTree.Element, about: DataSet) -> None:
    """Add what the runner knows to the author's EML. Only facts about files replace what the author wrote."""
    if dataset.find("licensed") is None:
        _add_license(dataset, about.license, has_rights=dataset.find("intellectualRights") is not None)
    methods = dataset.find("methods")
    _add_methods(add(dataset, "methods") if methods is None else methods, about.steps)
    described = Described(dataset)
    for member in about.members:
        if (entity := described.pop(member)) is None:
            _add_entity(add(dataset, "otherEntity"), member, about.seen.get(member.path))
        else:
            _add_physical(physical_of(entity), member)
    in_order(dataset)


def _add_dataset(dataset: ElementTree.Element, about: DataSet) -> None:
    metadata = about.metadata
    add(dataset, "title", metadata.title)
    for creator in metadata.creators:
        _add_party(add(dataset, "creator"), creator)
    add(dataset, "pubDate", about.published_on)
    add_paragraphs(dataset, "abstract", paragraphs(metadata.abstract))
    if metadata.keywords:
        keywords = add(dataset, "keywordSet")
        for keyword in metadata.keywords:
            add(keywords, "keyword", keyword)
    _add_license(dataset, about.license)
    _add_coverage(dataset, metadata.geographic or _around(about), metadata.temporal)
    _add_party(add(dataset, "contact"), metadata.asked)
    _add_methods(add(dataset, "methods"), about.steps)
    if metadata.awards:
        _add_project(add(dataset, "project"), metadata)
    for member in about.members:
        _add_entity(add(dataset, "otherEntity"), member, about.seen.get(member.path))


def _add_party(party: ElementTree.Element, about: Party) -> None:
    if about.family_name is not None:
        person = add(party, "individualName")
        add_given(person, givenName=about.given_name, surName=about.family_name)
    add_given(party, organizationName=about.organization, electronicMailAddress=about.email)
    if about.orcid is not None:
        add(party, "userId", f"https://orcid.org/{about.orcid}", directory="https://orcid.org")


def _add_license(dataset: ElementTree.Element, license_: str, *, has_rights: bool = False) -> None:
    is_url = license_.startswith(("http://", "https://"))
    name, url = _LICENSES.get(license_, (license_, f"https://spdx.org/licenses/{license_}.html"))
    url = license_ if is_url else url
    if not has_rights:
        shown = f"{name}, {url}" if name != url else url
        add_paragraphs(dataset, "intellectualRights", [f"License: {shown}."])
    licensed = add(dataset, "licensed")
    add_given(licensed, licenseName=name, url=url, identifier=None if is_url else license_)


def _add_coverage(
    dataset: ElementTree.Element, geographic: Geographic | None, temporal: Temporal | None
) -> None:
    if geographic is None and temporal is None:
        return
    coverage = add(dataset, "coverage")
    if geographic is not None:
        _add_box(add(coverage, "geographicCoverage"), geographic)
    if temporal is not None:
        _add_times(add(coverage, "temporalCoverage"), temporal)


def _add_box(place: ElementTree.Element, geographic: Geographic) -> None:
    add(place, "geographicDescription", geographic.description)
    box = add(place, "boundingCoordinates")
    for side in ("west", "east", "north", "south"):
        add(box, f"{side}BoundingCoordinate", _decimal(getattr(geographic, side)))


def _around(about: DataSet) -> Geographic | None:
    """Return the bounding box of all files, or None if it is unknown."""
    seen = (about.seen[each.path] for each in about.members if each.path in about.seen)
    found = union([each.box for each in seen if each.box is not None])
    return None if found is None else _geographic("The bounding box of all files.", found)


def _decimal(number: float) -> str:
    """Return a number as an `xs:decimal`, which has no exponent."""
    return f"{Decimal(repr(number)):f}"


def _geographic(description: str, box: tuple[float, float, float, float]) -> Geographic:
    west, south, east, north = box
    return Geographic(description, west=west, east=east, south=south, north=north)


def _add_times(coverage: ElementTree.Element, temporal: Temporal) -> None:
    if temporal.end is None:
        add(add(coverage, "singleDateTime"), "calendarDate", temporal.begin)
        return
    times = add(coverage, "rangeOfDates")
    add(add(times, "beginDate"), "calendarDate", temporal.begin)
    add(add(times, "endDate"), "calendarDate", temporal.end)


def _add_methods(methods: ElementTree.Element, steps: Iterable[Sequence[str]]) -> None:
    for step in steps:
        made = add(methods, "methodStep")
        add_paragraphs(made, "description", step)


def _add_project(project: ElementTree.Element, metadata: Metadata) -> None:
    add(project, "title", metadata.awards[0].title)
    for creator in metadata.creators:
        person = add(project, "personnel")
        _add_party(person, creator)
        add(person, "role", "creator")
    for award in metadata.awards:
        _add_award(add(project, "award"), award)


def _add_award(made: ElementTree.Element, award: Award) -> None:
    add_given(made, funderName=award.funder, awardNumber=award.number, title=award.title, awardUrl=award.url)


def _add_entity(entity: ElementTree.Element, member: Member, seen: Seen | None) -> None:
    entity.set("id", member.pid)
    add(entity, "entityName", member.path)
    about = _ABOUT.get(member.role, _ABOUT_OTHERS)
    if member.role == OUTPUT:
        about = f"{about}: {seen.text if seen else f'a file in the format {member.format_id}'}."
    add(entity, "entityDescription", about)
    _add_physical(add(entity, "physical"), member)
    if member.role == OUTPUT and seen is not None and seen.box is not None:
        place = add(add(entity, "coverage"), "geographicCoverage")
        _add_box(place, _geographic("The bounding box of the file.", seen.box))
    add(entity, "entityType", member.format_id)


def _add_physical(physical: ElementTree.Element, member: Member) -> None:
    add(physical, "objectName", member.name)
    add(physical, "size", member.size, unit="bytes")
    add(physical, "authentication", member.sha256, method="SHA-256")
    if physical.find("dataFormat") is None:
        form = add(add(physical, "dataFormat"), "externallyDefinedFormat")
        add(form, "formatName", member.format_id)
    online = add(add(physical, "distribution"), "online")
    add(online, "url", resolve_url(member.pid), function="download")
    in_order(physical)
