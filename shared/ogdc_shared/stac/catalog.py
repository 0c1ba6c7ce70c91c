"""Writing the STAC catalogue of a result: one item per output, and the catalogue that links them.

It is static and self-contained: links are relative, so it can be read from any location.

Source: STAC 1.1.0, catalog specification and best practices ("self-contained catalogs").
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ogdc_shared.layout import CATALOG
from ogdc_shared.stac.item import VERSION, build_item

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ogdc_shared.provenance.description import RunDescription
    from ogdc_shared.stac.item import Output

MAX_ITEMS = 10_000
_ITEMS = "items"
_UP = "../.."
"""From the directory of items to the one that the catalogue's is in."""
_JSON, _GEOJSON = "application/json", "application/geo+json"
_MAX_NAME = 100


def write_catalog(directory: str, run: RunDescription, outputs: Iterable[Output]) -> int:
    """Write a STAC catalogue; writes nothing if no output has a location.

    Args:
        directory: An existing directory; the outputs are in its parent.
        run: The run that made the outputs.
        outputs: In order; iterated lazily.

    Returns:
        The number of items.

    Raises:
        OSError: it cannot be written.
    """
    links: list[dict[str, str]] = []
    names: set[str] = set()
    left_out = 0
    for output in outputs:
        item = build_item(output, run, up=_UP)
        if item is None:
            continue
        if len(links) == MAX_ITEMS:
            left_out += 1
            continue
        name = _file_name(output.name, names)
        item["links"][:0] = [_link(rel, f"../{CATALOG}", _JSON) for rel in ("root", "parent")]
        _write(Path(directory, _ITEMS, name), item)
        links.append(_link("item", f"./{_ITEMS}/{name}", _GEOJSON) | {"title": output.name})
    if links:
        _write(Path(directory, CATALOG), _catalog(run, links, left_out))
    return len(links)


def _catalog(run: RunDescription, links: list[dict[str, str]], left_out: int) -> dict[str, Any]:
    more = (
        f" {left_out:,} more outputs have none: no catalogue has more than {MAX_ITEMS:,}." if left_out else ""
    )
    return {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": run.recipe_id,
        "title": run.recipe_name,
        "description": f"Outputs of run {run.name}, an item each that lies somewhere on the Earth.{more}",
        "links": [_link("root", f"./{CATALOG}", _JSON), *links],
    }


def _link(rel: str, href: str, kind: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": kind}


def _file_name(output: str, taken: set[str]) -> str:
    """Name an item's file after its output: no directories, and nothing that a URL would have to encode."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", output).lstrip(".")[-_MAX_NAME:]
    name, number = f"{stem}.json", 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}.json"
    taken.add(name)
    return name


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, allow_nan=False) + "\n", encoding="utf-8")
