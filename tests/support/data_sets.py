"""Running a recipe and publishing its result with the commands that a user types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.publications import METADATA, ORCID
from support.recipes import inputs, make_recipe
from support.stack import Stack

ADA = f"http://orcid.org/{ORCID}"
MADE = {"d/words.txt": b"some words\n", "ü b.csv": b"x,y\n"}
"""The outputs of the recipe."""
COMMANDS = (
    "mkdir /output_dir/d && cp /input_dir/words.txt /output_dir/d && echo x,y > '/output_dir/ü b.csv'\n"
)


def run_of(
    stack: Stack,
    directory: Path,
    *,
    name: str = "Published words",
    words: str = "some words\n",
    **metadata: Any,
) -> str:
    """Run a recipe with metadata of its result, and return the run's name."""
    recipe = make_recipe(
        directory,
        name=name,
        input=inputs({"type": "file", "path": "words.txt"}),
        output={"type": "temporary", "license": "CC-BY-4.0"},
        metadata=METADATA | metadata,
        files={"words.txt": words, "recipe.sh": COMMANDS},
    )
    done = stack.cli("submit", "--wait", "--json", str(recipe))
    assert done.code == 0, done
    run: str = done.json()["name"]
    return run


def publish(stack: Stack, run: str, node: str, token: str, *options: str, cwd: Path) -> Any:
    """Publish a run's result, and return the JSON that the command prints."""
    arguments = ("publish", run, "--to", "dataone", "--node", node, "--json", *options)
    done = stack.cli(*arguments, cwd=cwd, DATAONE_TOKEN=token)
    assert done.code == 0, done
    assert token not in done.out + done.err
    return done.json()


def members(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the objects of a package in a directory, by path."""
    listed = json.loads((directory / "package.json").read_bytes())
    return {each["path"]: each for each in listed["members"]}
