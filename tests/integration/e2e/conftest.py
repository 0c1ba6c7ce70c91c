"""One local stack for all of these tests, and what its recipes fetch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.dataone import MemberNode
from support.http import FileServer
from support.recipes import make_own_recipe
from support.stack import Stack

MakeRecipe = Callable[..., Path]


@pytest.fixture(scope="session")
def short_root() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="ogdc-e2e-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def server(short_root: Path) -> Iterator[FileServer]:
    """Where inputs are fetched from."""
    directory = short_root / "served"
    directory.mkdir()
    (directory / "stations.csv").write_text("name,x,y\nA,1,2\n")
    with FileServer(directory) as server:
        yield server


@pytest.fixture(scope="session")
def node(server: FileServer) -> MemberNode:
    """The DataONE node that the stack asks."""
    return MemberNode(server, {})


@pytest.fixture(scope="session")
def stack(short_root: Path, node: MemberNode) -> Iterator[Stack]:
    """The stack, up."""
    with Stack(short_root, DATAONE_NODE_URL=node.url, OGDC_ECHO_PROCESS="true") as stack:
        yield stack


@pytest.fixture
def recipe(tmp_path: Path) -> MakeRecipe:
    """Make a recipe of some command lines; without others its input is a small file of its own."""

    def make(
        name: str,
        *commands: str,
        params: list[dict[str, Any]] | None = None,
        output: str = "temporary",
        files: dict[str, str | bytes] | None = None,
        **workflow: Any,
    ) -> Path:
        return make_own_recipe(
            tmp_path / name.replace(" ", "-"),
            *commands,
            name=name,
            params=params or (),
            output=output,
            files=files,
            **workflow,
        )

    return make
