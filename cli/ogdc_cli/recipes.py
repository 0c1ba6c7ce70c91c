"""Recipes as the command line takes them: from a directory, from afar, or a whole repository of them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ogdc_shared.errors import RecipeNotFoundError
from ogdc_shared.recipe.recipe import Recipe

_GIT_PROTOCOLS = "file:git:https:ssh"


def local_directory(recipe: str) -> Path | None:
    """The directory `recipe` names, or None where it is a location to fetch from.

    Raises:
        RecipeNotFoundError: it names a place on this machine where no directory is.
    """
    if "://" in recipe or "::" in recipe:
        return None
    path = Path(recipe).expanduser()
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise RecipeNotFoundError(f"{recipe}: {what}; name the directory that holds the recipe's meta.yml.")
    return path


@contextmanager
def staged(recipe: str) -> Iterator[Path]:
    """The recipe's directory: itself where it is here, otherwise a temporary copy."""
    if (path := local_directory(recipe)) is not None:
        yield path
        return
    from ogdc_shared.storage.staging import stage_recipe

    with tempfile.TemporaryDirectory(prefix="ogdc-recipe-") as scratch:
        yield stage_recipe(recipe, Path(scratch), allow_local=True)


@contextmanager
def checked_out(repository: str, ref: str) -> Iterator[Path]:
    """A repository's files: the directory itself, or a shallow clone of `ref`."""
    if Path(repository).is_dir() and not (Path(repository) / "HEAD").exists():
        yield Path(repository)
        return
    with tempfile.TemporaryDirectory(prefix="ogdc-recipes-") as scratch:
        clone = ["git", "clone", "--quiet", "--depth", "1", f"--branch={ref}", "--", repository, scratch]
        environ = os.environ | {"GIT_ALLOW_PROTOCOL": _GIT_PROTOCOLS, "GIT_TERMINAL_PROMPT": "0"}
        done = subprocess.run(clone, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RecipeNotFoundError(f"{repository} at {ref!r} cannot be cloned: {done.stderr.strip()}")
        yield Path(scratch)


def mermaid(recipe: Recipe) -> str:
    """A Mermaid flowchart from the recipe's inputs through its commands to its output."""
    meta = recipe.meta
    labels = [
        f"inputs: {', '.join(sorted({param.type for param in meta.input.params}))}",
        *(f"{number}: {command.text}" for number, command in enumerate(recipe.commands, start=1)),
        f"publish: {meta.output.type}",
    ]
    nodes = [f'  n{index}["{_label(text)}"]' for index, text in enumerate(labels)]
    edges = [f"  n{index} --> n{index + 1}" for index in range(len(labels) - 1)]
    return "\n".join(["flowchart TD", *nodes, *edges])


def _label(text: str, width: int = 72) -> str:
    """`text` as a quoted Mermaid label: entities for what would end it or be read as markup."""
    short = text if len(text) <= width else text[: width - 1] + "…"
    return "".join(c if c.isalnum() or c in " .,:;/_-=…" else f"#{ord(c)};" for c in short)
