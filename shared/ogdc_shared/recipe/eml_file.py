"""Dataset metadata in an EML file shipped with the recipe, instead of `metadata` in meta.yml.

Source: EML 2.2.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.recipe.explain import shown
from ogdc_shared.recipe.files import UnusableFileError, confined
from ogdc_shared.recipe.forms import META_FILE
from ogdc_shared.recipe.orcid import read_orcid

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

EML = "https://eml.ecoinformatics.org/eml-2.2.0"
_MAX_BYTES = 16 << 20


def with_eml(content: Any, directory: Path) -> Any:
    """Add title, abstract and creators from the file named by `metadata.eml` to the content of a meta.yml.

    Args:
        content: Content of the meta.yml, of any type.
        directory: The recipe's directory.

    Raises:
        InvalidRecipeError: the file cannot be read, or is not valid EML 2.2.0.
    """
    metadata = content.get("metadata") if isinstance(content, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name := metadata.get("eml"), str) or not name.strip():
        return content
    return {**content, "metadata": {**dict(_keys(read_eml(directory, name))), **metadata}}


def read_eml(directory: Path, name: str) -> Element:
    """Parse an EML file, which must have a title, an abstract and creators.

    Raises:
        InvalidRecipeError: it is not valid.
    """
    from xml.etree.ElementTree import ParseError  # imported late, since few recipes have such a file

    from ogdc_shared.xml_reading import parse

    where = f"{META_FILE}: metadata.eml: {shown(name)}"
    try:
        path = confined(directory, name)
        with open(path, "rb") as file:
            root = parse(file.read(_MAX_BYTES))
    except UnusableFileError as exc:
        raise InvalidRecipeError(f"{where} {exc}") from exc
    except ParseError as exc:
        raise InvalidRecipeError(f"{where} is not XML that can be read ({exc}).") from exc
    if root.tag != f"{{{EML}}}eml":
        raise InvalidRecipeError(f"{where} is not in EML 2.2.0: its first element is {shown(root.tag)}.")
    for needed in ("title", "abstract", "creator"):
        if not _text(root.find(f"dataset/{needed}")):
            raise InvalidRecipeError(f"{where} has no `{needed}` of its dataset; a data set needs one.")
    return root


def _keys(root: Element) -> Iterator[tuple[str, Any]]:
    """Yield the keys of `metadata` and their values from the file."""
    yield "title", _text(root.find("dataset/title"))
    abstract = root.find("dataset/abstract")
    parts = [] if abstract is None else list(abstract.iter("para")) or [abstract]
    yield "abstract", "\n\n".join(_text(part) for part in parts)
    yield "creators", [_party(creator) for creator in root.iterfind("dataset/creator")]


def _party(element: Element) -> dict[str, str]:
    orcids = (read_orcid(_text(each)) for each in element.iterfind("userId"))
    found = {
        "given_name": " ".join(_text(each) for each in element.iterfind("individualName/givenName")),
        "family_name": _text(element.find("individualName/surName")),
        "organization": _text(element.find("organizationName")) or _text(element.find("positionName")),
        "email": _text(element.find("electronicMailAddress")),
        "orcid": next((orcid for orcid in orcids if orcid), ""),
    }
    return {key: value for key, value in found.items() if value}


def _text(element: Element | None) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())
