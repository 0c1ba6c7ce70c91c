"""Validation of documents against their schemas, as far as the schemas are installed.

The package emlvp has the schemas of EML, and dataone.common those of system metadata; lxml validates. None of
the three is installed with this project.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_MAX_PROBLEMS = 5
"""Maximum number of problems that are reported for a document."""
_TYPES = "dataoneTypes.xsd", "dataoneTypes_v2.0.xsd"
_WRAPPER = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:import namespace="http://ns.dataone.org/service/types/v1" schemaLocation="{}"/>
  <xs:import namespace="http://ns.dataone.org/service/types/v2.0" schemaLocation="{}"/>
</xs:schema>"""
"""The types of version 2 import those of version 1 without a location, so this schema gives both."""


class Validator:
    """Validates documents of one kind."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema

    def problems(self, document: bytes) -> list[str]:
        """Return the first few problems of a document."""
        from lxml import etree

        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        if self._schema.validate(etree.parse(io.BytesIO(document), parser)):
            return []
        return [f"line {each.line}: {each.message}" for each in self._schema.error_log][:_MAX_PROBLEMS]


@cache
def eml_validator() -> Validator | None:
    """Return the validator of EML 2.2.0, or None if the schemas are not installed."""
    root = _directory("emlvp")
    schema = None if root is None else root / "schemas" / "EML2.2.0" / "xsd" / "eml.xsd"
    return _validator(str(schema)) if schema is not None and schema.is_file() else None


@cache
def system_metadata_validator() -> Validator | None:
    """Return the validator of system metadata, or None if the schemas are not installed."""
    root = _directory("d1_common")
    if root is None:
        return None
    files = [root / "types" / "schemas" / name for name in _TYPES]
    wrapper = _WRAPPER.format(*(file.as_uri() for file in files)).encode()
    return _validator(io.BytesIO(wrapper))


def _directory(package: str) -> Path | None:
    found = find_spec(package) if find_spec("lxml") else None
    places = list(found.submodule_search_locations or []) if found else []
    return Path(places[0]) if places else None


def _validator(source: Any) -> Validator:
    from lxml import etree

    return Validator(etree.XMLSchema(etree.parse(source)))
