"""Opening recipes for commands: a directory, an archive, a remote location, or a repository of recipes."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ogdc_shared.errors import OgdcError, RecipeNotFoundError
from ogdc_shared.imports import collection_paused
from ogdc_shared.recipe.forms import is_archive
from ogdc_shared.shortening import shortened

if TYPE_CHECKING:
    from ogdc_shared.recipe.packing import LeftOut
    from ogdc_shared.recipe.recipe import Recipe

_GIT_PROTOCOLS = "file:git:http:https:ssh"
_SHOWN = 10


def is_remote(recipe: str) -> bool:
    """Whether `recipe` names a place that has to be fetched from."""
    return ("://" in recipe or "::" in recipe) and not recipe.lower().startswith("file://")


@contextmanager
def staged(recipe: str) -> Iterator[Path]:
    """Yield the recipe's directory: itself if it is one, otherwise a temporary copy.

    Raises:
        RecipeNotFoundError: there is no recipe.
        OgdcError: as for `recipe_sources.staging.stage_recipe`.
    """
    path = None if "://" in recipe or "::" in recipe else _path(recipe)
    if path is not None and path.is_dir():
        yield path
        return
    if path is not None and not (path.is_file() and is_archive(path.name)):
        what = "is a file" if path.exists() else "does not exist"
        raise RecipeNotFoundError(f"{recipe}: {what}; name the directory with the recipe's meta.yml.")
    from ogdc_shared.recipe_sources.staging import stage_recipe

    with tempfile.TemporaryDirectory(prefix="ogdc-recipe-") as scratch:
        yield stage_recipe(str(path or recipe), Path(scratch), allow_local=True)


@contextmanager
def reporting_left_out() -> Iterator[Callable[[LeftOut], None]]:
    """Yield what collects the files left out of a recipe; they are printed on stderr afterwards."""
    from ogdc_cli.terminal import one_line, say

    found: list[LeftOut] = []
    yield found.append
    if found:
        shown = [f"{each.name} ({each.reason})" for each in found[:_SHOWN]]
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        say("\n  ".join(map(one_line, ("Left out of the recipe:", *shown, *more))), err=True)


def print_advice(advice: Iterable[str]) -> None:
    """Print on stderr what the author of a recipe may not have meant."""
    from ogdc_cli.terminal import one_line, say

    for hint in advice:
        say(one_line(f"note: {hint}"), err=True)


def load(directory: Path) -> Recipe:
    """Read and check the recipe in `directory`; see `load_recipe`."""
    with collection_paused():
        from ogdc_shared.recipe.recipe import load_recipe

    return load_recipe(directory)


@contextmanager
def checked_out(repository: str, ref: str | None) -> Iterator[Path]:
    """Yield a directory with a repository's files at `ref`.

    If `ref` is None, these are a directory's current files, or a repository's default branch.

    Raises:
        RecipeNotFoundError: there is no such repository or ref.
        OgdcError: git is not installed.
    """
    path = _path(repository)
    if ref is None and path.is_dir() and not _is_bare(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ogdc-recipes-") as scratch:
        source = str(path) if path.exists() else repository
        what = repository if ref is None else f"{repository} at {ref!r}"
        _git(scratch, "init", "--quiet", what=what)
        _git(scratch, "fetch", "--quiet", "--depth=1", "--", source, ref or "HEAD", what=what)
        _git(scratch, "checkout", "--quiet", "FETCH_HEAD", what=what)
        yield Path(scratch)


def mermaid(recipe: Recipe) -> str:
    """A Mermaid flowchart from the recipe's inputs through its commands to its output."""
    meta = recipe.meta
    labels = [
        f"inputs: {', '.join(sorted({param.type for param in meta.input.params}))}",
        *(f"{number}: {command}" for number, command in enumerate(commands_of(recipe), start=1)),
        f"publish: {meta.output.type}",
    ]
    nodes = [f'  n{index}["{_label(text)}"]' for index, text in enumerate(labels)]
    if meta.workflow.parallel.enabled and recipe.commands:
        nodes[1:-1] = ['  subgraph files["for each file, in partitions side by side"]', *nodes[1:-1], "  end"]
    edges = [f"  n{index} --> n{index + 1}" for index in range(len(labels) - 1)]
    return "\n".join(["flowchart TD", *nodes, *edges])


def commands_of(recipe: Recipe) -> list[str]:
    """The recipe's lines, or what its stages run."""
    if recipe.commands:
        return [command.text for command in recipe.commands]
    from ogdc_shared.runs.visualization import visualization_commands

    return visualization_commands(recipe)


def _is_bare(repository: Path) -> bool:
    return (repository / "HEAD").is_file() and (repository / "objects").is_dir()


def _path(name: str) -> Path:
    """Expand `~` as a shell does, for quoted names; an unknown home is left unchanged."""
    return Path(os.path.expanduser(name)).absolute()  # noqa: PTH111  Path.expanduser raises then


def _git(directory: str, *arguments: str, what: str) -> None:
    environ = os.environ | {"GIT_ALLOW_PROTOCOL": _GIT_PROTOCOLS, "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", "-C", directory, *arguments]
    try:
        done = subprocess.run(command, env=environ, capture_output=True, check=False)
    except FileNotFoundError as exc:
        raise OgdcError("git is not installed, and fetching a repository takes it. Install git.") from exc
    if done.returncode:
        raise RecipeNotFoundError(f"{what} cannot be fetched: {done.stderr.decode(errors='replace').strip()}")


def _label(text: str, width: int = 72) -> str:
    """`text` as a quoted Mermaid label: entities for what would end it or be read as markup."""
    short = shortened(text, width)
    return "".join(c if c.isalnum() or c in " .,:;/_-=…" else f"#{ord(c)};" for c in short)
