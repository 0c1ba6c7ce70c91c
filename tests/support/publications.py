"""Data sets for tests: an author's metadata, and objects."""

from __future__ import annotations

from typing import Any

from ogdc_shared.dataone.eml import DataSet
from ogdc_shared.dataone.formats import format_id
from ogdc_shared.dataone.identifiers import object_id
from ogdc_shared.dataone.member import ACCOUNT, OUTPUT, PROGRAM, Member
from ogdc_shared.dataone.words import Metadata as Words
from ogdc_shared.recipe.metadata import Metadata

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
ORCID = "0000-0002-1825-0097"
METADATA: dict[str, Any] = {
    "title": "Places & <ice> of the Bering Sea, 2021",
    "abstract": "Where & when.\n\nAnd <why>.\n",
    "creators": [
        {"given_name": "Josiah", "family_name": "Carberry", "orcid": ORCID, "email": "j@example.org"},
        {"organization": "A team"},
    ],
    "contact": {"family_name": "Lovelace"},
    "keywords": ["ice"],
    "geographic": {"description": "Bering Sea", "west": 170, "east": -160, "south": 55, "north": 66},
    "temporal": {"begin": 2021, "end": "2021-06-30"},
    "awards": {"funder": "NSF", "title": "Ice", "number": "1", "url": "https://example.org/1"},
    "methods": "Counted.",
}

GIVEN = """<?xml version="1.0"?>
<eml:eml xmlns:eml="https://eml.ecoinformatics.org/eml-2.2.0" packageId="mine" system="mine">
  <dataset>
    <title>By hand</title>
    <creator><individualName><givenName>Josiah</givenName><surName>Carberry</surName></individualName>
      <userId directory="https://orcid.org">https://orcid.org/0000-0002-1825-0097</userId></creator>
    <abstract><para>One.</para><para>Two &amp; three.</para></abstract>{rights}
    <contact><organizationName>A team</organizationName></contact>{methods}
    <dataTable id="table">
      <entityName>Counts</entityName><entityDescription>All that were counted.</entityDescription>
      <physical><objectName>ü.tif</objectName><size unit="bytes">1</size>
        <dataFormat><textFormat><attributeOrientation>column</attributeOrientation>
          <simpleDelimited><fieldDelimiter>,</fieldDelimiter></simpleDelimited></textFormat></dataFormat>
      </physical>
      <attributeList><attribute><attributeName>n</attributeName><attributeDefinition>Number</attributeDefinition>
        <measurementScale><nominal><nonNumericDomain><textDomain><definition>A number.</definition>
        </textDomain></nonNumericDomain></nominal></measurementScale></attribute></attributeList>
    </dataTable>
    <otherEntity><entityName>recipe/recipe.sh</entityName><entityType>script</entityType></otherEntity>
    <literatureCited><bibtex>@book{{a}}</bibtex></literatureCited>
  </dataset>
</eml:eml>
"""
"""An author's own EML, with places for `rights` and `methods`."""


def member(role: str, path: str, **changed: Any) -> Member:
    """An object of a package."""
    sha256 = "ab" * 32
    pid = object_id(RUN_ID, role, path, sha256, rights="public")
    made = Member(pid, role, path, f"data/{path}", format_id(path), 3, sha256)
    return made._replace(**changed)


DATA = (member(OUTPUT, "d/ü.tif"), member(PROGRAM, "recipe/recipe.sh"), member(ACCOUNT, "provenance.zip"))


def data_set(members: tuple[Member, ...] = DATA, **changed: Any) -> DataSet:
    """Return a data set; `changed` replaces keys of its metadata, or removes those that are None."""
    given = {key: value for key, value in (METADATA | changed).items() if value is not None}
    described = Words.of(Metadata.model_validate(given).model_dump(mode="json"))
    return DataSet("urn:uuid:m", described, "CC-BY-4.0", "2026-11-27", [["Command 1: cp a b"]], members)
