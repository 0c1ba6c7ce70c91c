"""The two calls of GitHub's REST API that fsspec's github file system uses, answered from a directory.

Source: GitHub REST API, "Git trees" (Get a tree) and "Repository contents" (Get repository content).
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.github import GithubFileSystem

from support.http import Answer, FileServer, Request


def serve_github(server: FileServer, patch: pytest.MonkeyPatch, *, org: str, repo: str, ref: str) -> None:
    """Make `github://org:repo@ref/…` read the directory of `server`."""
    base = f"/repos/{org}/{repo}"
    repository = f"{server.url}/repos/{{org}}/{{repo}}"
    patch.setattr(GithubFileSystem, "url", f"{repository}/git/trees/{{sha}}")
    patch.setattr(GithubFileSystem, "content_url", f"{repository}/contents/{{path}}?ref={{sha}}")
    for directory in [server.directory, *(p for p in server.directory.rglob("*") if p.is_dir())]:
        sha = ref if directory == server.directory else _sha(directory)
        server.routes[f"{base}/git/trees/{sha}"] = partial(_tree, directory)
    for file in (p for p in server.directory.rglob("*") if p.is_file()):
        path = f"{base}/contents/{file.relative_to(server.directory).as_posix()}"
        server.routes[path] = partial(_content, file, ref)


def _tree(directory: Path, request: Request) -> Answer:
    return _json({"tree": [_node(path) for path in sorted(directory.iterdir())], "truncated": False})


def _node(path: Path) -> dict[str, Any]:
    node = {"path": path.name, "sha": _sha(path)}
    if path.is_dir():
        return node | {"mode": "040000", "type": "tree"}
    return node | {"mode": "100644", "type": "blob", "size": path.stat().st_size}


def _content(file: Path, ref: str, request: Request) -> Answer:
    if request.query.get("ref") != [ref]:
        return Answer(status=404)
    # GitHub leaves the content of files above 1 MB out.
    content = file.read_bytes() if file.stat().st_size < 1_000_000 else b""
    return _json(
        {"content": base64.b64encode(content).decode(), "download_url": f"https://localhost:1/{file.name}"}
    )


def _json(value: dict[str, Any]) -> Answer:
    return Answer(body=json.dumps(value).encode(), headers={"Content-Type": "application/json"})


def _sha(path: Path) -> str:
    return hashlib.sha1(str(path).encode()).hexdigest()
