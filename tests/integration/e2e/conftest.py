"""One local stack for all of these tests, what its recipes fetch, and a browser that looks at its page."""

from __future__ import annotations

import os
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from support.browsing import open_browser

    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """See `open_tab`."""
    from support.browsing import open_tab

    with open_tab(browser) as page:
        yield page


@pytest.fixture(scope="session")
def shoot() -> Callable[[Any, str], None]:
    """Keep a picture for people to look at, in OGDC_SCREENSHOTS."""
    into = os.environ.get("OGDC_SCREENSHOTS")

    def shoot(page: Any, name: str) -> None:
        if into:
            page.screenshot(path=Path(into) / f"{name}.png", full_page=True)

    return shoot
