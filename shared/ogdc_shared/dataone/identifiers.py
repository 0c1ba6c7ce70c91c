"""What the objects of a run's package are called, at DataONE and on the web.

The identifiers follow from the run and what the objects are: whoever publishes it, and however often after a
failure, gives an object the same one, so there cannot be two packages, nor two contents of one identifier.

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
    """What stands for the newest version of the data set that somebody's recipe makes."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'https://orcid.org/{owner}/ogdc-recipes/{recipe_id}')}"


def map_id(metadata: str) -> str:
    """The identifier of a package's resource map, as the Arctic Data Center gives it."""
    return f"resource_map_{metadata}"


def is_doi(pid: str) -> bool:
    """Whether an identifier is a DOI."""
    return pid.startswith("doi:")


def resolve_url(pid: str) -> str:
    """Where DataONE hands out an object, wherever it is stored."""
    return f"{_RESOLVE}/{quote(pid, safe='')}"
