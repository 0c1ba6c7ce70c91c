"""Runs that publish at a member node themselves, and the protection of their token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from support.data_sets import ADA, COMMANDS, MADE
from support.publications import METADATA
from support.publishing_node import PublishingNode
from support.recipes import inputs, make_recipe
from support.stack import Stack

_PLACES = "/ogdc /mnt /run /tmp /input_dir ~"


def hunt(token: str) -> str:
    """A command that makes what `MADE` says, and fails where it finds a part of a token."""
    part = token.split(".")[1][20:40]
    pattern = f"{part[:9]}[{part[9]}]{part[10:]}"  # which does not match itself
    return (
        "mkdir /output_dir/d && cp /input_dir/words.txt /output_dir/d && echo x,y > '/output_dir/ü b.csv' && "
        "{ env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>&1 || true; "
        f"grep -rhsa '{pattern}' {_PLACES} || true; }} | {{ ! grep -qa '{pattern}'; }}\n"
    )


@pytest.fixture(scope="module")
def publishing_node() -> Iterator[PublishingNode]:
    with PublishingNode() as running:
        yield running


@pytest.fixture(scope="module")
def publishing_stack(
    short_root: Path, publishing_node: PublishingNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    (short_root / "publishing").mkdir()
    settings = {"DATAONE_NODE_URL": publishing_node.url, "OGDC_DATAONE_PUBLISH": "test"}
    with Stack(short_root / "publishing", **settings) as running:
        yield running


def use_token(stack: Stack, text: str) -> Path:
    """Put a token into the user's file of them."""
    file = Path(stack.environ["HOME"], ".config/ogdc-runner/tokens")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(f"127.0.0.1 {text}\n")
    return file


def test_a_run_publishes_a_package_and_commands_cannot_read_the_token(
    publishing_stack: Stack, publishing_node: PublishingNode, tmp_path: Path
) -> None:
    stack, node = publishing_stack, publishing_node
    over, good = node.token(ADA, expires_at=1_234_567.0), node.token(ADA)
    kept = use_token(stack, over)
    recipe = make_recipe(
        tmp_path / "hunter",
        name="Words of a hunter",
        input=inputs({"type": "file", "path": "words.txt"}),
        output={"type": "dataone", "license": "CC-BY-4.0", "dataone_id": "TODO"},
        metadata=METADATA,
        files={"words.txt": "some words\n", "recipe.sh": hunt(over)},
    )
    failed = stack.cli("submit", "--wait", "--json", str(recipe))
    run = failed.json()["name"]
    assert (failed.code, failed.json()["status"]) == (1, "Failed"), failed
    message = failed.json()["message"]
    assert "(token_expired)" in message
    assert f"ogdc-runner retry {run}" in message
    assert (stack.paths.volume / "words-of-a-hunter/d/words.txt").read_bytes() == b"some words\n"
    use_token(stack, good)
    again = stack.cli("retry", "--wait", run)
    assert again.code == 0, again
    package = stack.cli("status", "--json", run).json()["package"]
    assert package["url"] == f"{node.url}/v2/object/{quote(package['identifier'], safe='')}"
    assert package["url"] in again.out
    assert package["url"] in stack.cli("status", run).out
    assert node.objects[package["identifier"]].series == package["series"]
    contents = [each.content for each in node.objects.values()]
    assert all(body in contents for body in MADE.values())
    for file in [*stack.paths.root.rglob("*"), *(stack.root / "home").rglob("*")]:
        if file.is_file() and file != kept:
            content = file.read_bytes()
            assert good.encode() not in content, file
            assert over.encode() not in content, file
    reader = make_recipe(
        tmp_path / "reader",
        name="Reader of a hunters words",
        input=inputs({"type": "dataone", "dataset_identifier": package["series"], "filename": "*.csv"}),
        output={"type": "temporary"},
    )
    read = stack.cli("submit", "--wait", "--json", str(reader))
    assert read.code == 0, read
    fetched = stack.cli("get-output", read.json()["name"], "ü b.csv", "-o", "read.csv", cwd=tmp_path)
    assert fetched.code == 0, fetched
    assert (tmp_path / "read.csv").read_bytes() == MADE["ü b.csv"]


@pytest.mark.browser
def test_the_page_of_a_run_links_to_its_data_set(
    page: Any, publishing_stack: Stack, publishing_node: PublishingNode, tmp_path: Path
) -> None:
    from support.browsing import check_view, expect

    use_token(publishing_stack, publishing_node.token(ADA))
    recipe = make_recipe(
        tmp_path / "recipe",
        name="Shown words",
        input=inputs({"type": "file", "path": "words.txt"}),
        output={"type": "dataone", "license": "CC-BY-4.0"},
        metadata=METADATA,
        files={"words.txt": "some words\n", "recipe.sh": COMMANDS},
    )
    done = publishing_stack.cli("submit", "--wait", "--json", str(recipe))
    assert done.code == 0, done
    package = done.json()["package"]
    page.goto(f"{publishing_stack.url}/ui/?run={done.json()['name']}")
    expect(page.get_by_role("link", name=package["identifier"])).to_have_attribute("href", package["url"])
    expect(page.locator("dl.facts")).to_contain_text(package["series"])
    check_view(page)


def test_publishing_must_be_enabled_by_the_operator(stack: Stack, tmp_path: Path) -> None:
    """The other stack's callers do not log in, and nobody has turned it on."""
    recipe = make_recipe(
        tmp_path / "recipe",
        name="Refused words",
        input=inputs({"type": "file", "path": "words.txt"}),
        output={"type": "dataone", "license": "CC-BY-4.0"},
        metadata=METADATA,
        files={"words.txt": "some words\n"},
    )
    refused = stack.cli("submit", str(recipe))
    assert refused.code == 1
    assert "OGDC_DATAONE_PUBLISH=test" in refused.err
    secret = make_recipe(
        tmp_path / "secret",
        name="Secret words",
        input=inputs({"type": "file", "path": "words.txt"}),
        output={"type": "temporary"},
        workflow={"type": "shell", "secrets": ["ogdc-dataone"]},
        files={"words.txt": "some words\n"},
    )
    refused = stack.cli("submit", str(secret))
    assert (refused.code, "is not a secret that recipes may use here" in refused.err) == (1, True), refused
