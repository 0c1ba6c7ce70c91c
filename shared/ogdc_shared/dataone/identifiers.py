"""What the objects of a run's package are called, at DataONE and on the web.

The identifiers follow from the run: whoever publishes it, and however often after a failure, gives an object
the same one, so there cannot be two packages.

Source: RFC 9562, section 5.5 (UUIDs of names); DataONE Architecture, "Identifiers in DataONE".
"""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID, uuid5

_RESOLVE = "https://cn.dataone.org/cn/v2/resolve"


def object_id(run_id: str, role: str, path: str = "") -> str:
    """The identifier of an object of a run's package: of its metadata, or of the file at `path`."""
    return f"urn:uuid:{uuid5(UUID(run_id), f'dataone/{role}/{path}')}"


def map_id(metadata: str) -> str:
    """The identifier of a package's resource map, as the Arctic Data Center gives it."""
    return f"resource_map_{metadata}"


def resolve_url(pid: str) -> str:
    """Where DataONE hands out an object, wherever it is stored."""
    return f"{_RESOLVE}/{quote(pid, safe='')}"
