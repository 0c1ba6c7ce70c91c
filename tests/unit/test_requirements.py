"""The lists that images are made of."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def names(lines: list[str]) -> set[str]:
    return {found[0] for line in lines if (found := re.match(r"[a-z][a-z0-9-]*", line))}


def test_the_image_for_tiles_of_maps_has_what_the_extra_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = names((ROOT / "requirements/worker-visualization.in").read_text().splitlines())
    assert listed == names(project["optional-dependencies"]["visualization"]) | {"msgspec"}
    locked = names((ROOT / "requirements/worker-visualization.txt").read_text().splitlines())
    assert listed | {"urllib3"} <= locked
