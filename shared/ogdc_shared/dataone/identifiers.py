"""Identifiers of the objects of a run's package.

They are derived from the run and the content of the objects. Everybody who publishes a run gets the same
identifiers, also when repeating it after a failure. So a run cannot have two packages, nor an identifier two
contents.

Source: RFC 9562, section 5.5 (UUIDs of names); DataONE Architecture, "Identifiers in DataONE".
"""

from __future__ import annotations

from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

_RESOLVE = "https://cn.dataone.org/cn/v2/resolve"


def object_id(run_id: str, role: str, path: str, sha256: str, *, rights: str, after: str = "") -> str:
    """Return the identifier of an object in a run's package.

    Args:
        run_id: The run's id.
        role: The object's role, see `member`.
        path: Its path in the data set.
        sha256: Digest of its content.
        rights: Any text that identifies owner and access.
        after: The object that replaced one with this content, if a file returns to it.
    """
    name = f"dataone/{role}/{rights}/{path}/{sha256}{after and f'/{after}'}"
    return f"urn:uuid:{uuid5(UUID(run_id), name)}"


def metadata_id(run_id: str, sha256: str, *, obsoletes: str | None) -> str:
    """Return the identifier of a package's metadata.

    Args:
        run_id: The run's id.
        sha256: Digest of the metadata without their identifier.
        obsoletes: Identifier of the previous version's metadata, or None.
    """
    name = f"dataone/metadata/{obsoletes or ''}/{sha256}"
    return f"urn:uuid:{uuid5(UUID(run_id), name)}"


def series_id(owner: str, recipe_id: str) -> str:
    """Return the identifier of the series of versions that a recipe of an owner publishes."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'https://orcid.org/{owner}/ogdc-recipes/{recipe_id}')}"


def map_id(metadata: str) -> str:
    """Return the identifier of a package's resource map, in the form of the Arctic Data Center."""
    return f"resource_map_{metadata}"


def is_doi(pid: str) -> bool:
    """Whether an identifier is a DOI."""
    return pid.startswith("doi:")


def resolve_url(pid: str) -> str:
    """Return the URL at which DataONE serves an object, on whichever node it is stored."""
    return f"{_RESOLVE}/{quote(pid, safe='')}"
