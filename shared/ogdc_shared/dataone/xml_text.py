"""Writing XML: adding elements with text, and rendering documents as bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML documents cannot contain. Source: XML 1.0, section 2.2."""


def add(
    parent: ElementTree.Element, name: str, text: object | None = None, **attributes: str
) -> ElementTree.Element:
    """Append an element to another, and return it."""
    made = ElementTree.SubElement(parent, name, attributes)
    if text is not None:
        made.text = clean(str(text))
    return made


def add_given(parent: ElementTree.Element, **texts: object | None) -> None:
    """Append an element for each text that is not None."""
    for name, text in texts.items():
        if text is not None:
            add(parent, name, text)


def add_paragraphs(parent: ElementTree.Element, name: str, paragraphs: Iterable[str]) -> None:
    """Append an element with paragraphs in the form that EML shares with DocBook."""
    made = add(parent, name)
    for paragraph in paragraphs:
        add(made, "para", paragraph)


def clean(text: str) -> str:
    """Replace the characters that XML cannot contain."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def document(root: ElementTree.Element) -> bytes:
    """Render a document, indented, in UTF-8."""
    ElementTree.indent(root)
    rendered: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return rendered + b"\n"
