"""Parsing untrusted XML: bounded, without entities or other declarations of a document."""

from __future__ import annotations

from typing import NoReturn
from xml.etree import ElementTree


class _Builder(ElementTree.TreeBuilder):
    def doctype(self, *_declared: str | None) -> NoReturn:
        raise ElementTree.ParseError("it has a document type, which could declare entities")


def parse(document: bytes) -> ElementTree.Element:
    """Parse a document.

    Raises:
        xml.etree.ElementTree.ParseError: it is not well-formed, has a document type declaration, or has an
            unsupported encoding.
    """
    parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314  entities cannot be declared
    try:
        parser.feed(document)
        root: ElementTree.Element = parser.close()
    except (LookupError, ValueError) as exc:
        raise ElementTree.ParseError(f"it has an encoding that cannot be read: {exc}") from exc
    return root
