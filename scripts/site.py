"""Hooks of the documentation's site: generate lists that would otherwise be maintained by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def on_page_markdown(markdown: str, *, page: Any, files: Any, **_: Any) -> str:
    """Append a list of all decisions to their index page."""
    if page.file.src_uri != "decisions/index.md":
        return markdown
    pages = sorted(
        (file for file in files.documentation_pages() if file.src_uri.startswith("decisions/0")),
        key=lambda file: file.src_uri,
    )
    return markdown + "".join(f"\n- [{_title(file)}]({Path(file.src_uri).name})" for file in pages)


def _title(file: Any) -> str:
    return str(file.content_string.splitlines()[0].lstrip("# "))
