"""Reports of results: a table for people, and JSON for comparisons."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.load import load_generator

_HEADER = ("what", "median", "min to max", "goal", "", "against")
_PACKAGES = (
    "ogdc-runner",
    "functions-framework",
    "gunicorn",
    "flask",
    "psycopg",
    "pydantic",
    "hera",
    "typer",
)


def table(figures: Sequence[Figure]) -> str:
    """Render a Markdown table that is aligned for a terminal as well."""
    rows = [_HEADER, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write_json(directory: Path, figures: Sequence[Figure], *, begun: datetime, about: dict[str, Any]) -> Path:
    """Write one file that bears its time, and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{begun:%Y%m%dT%H%M%SZ}.json"
    content = {
        "begun_at": begun.isoformat(timespec="seconds"),
        **about,
        "figures": [figure.as_json() for figure in figures],
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def machine() -> dict[str, Any]:
    """Describe where this runs, so far as it tells whether two files can be compared."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
        "load_generator": load_generator(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def is_busy() -> bool:
    """Whether others compete for the processors, going by the last minute."""
    return os.getloadavg()[0] > (os.cpu_count() or 1) / 2


def _row(figure: Figure) -> tuple[str, ...]:
    low, high = _number(min(figure.values)), _number(max(figure.values))
    goal, met = figure.goal, {True: "met", False: "missed", None: ""}[figure.met]
    limit = "" if goal is None else f"{'≤' if goal.at_most else '≥'} {_number(goal.value)} {figure.unit}"
    against = "" if figure.baseline is None else f"{_number(figure.ratio or 0)} times {figure.baseline.name}"
    median = f"{_number(figure.median)} {figure.unit}"
    return (figure.what, median, f"{low} to {high}", limit, met, against)


def _number(value: float) -> str:
    """Give three figures: more would be noise."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
