"""`ogdc-runner run`: submit to the local stack, follow, and bring the outputs to the author's directory."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from ogdc_cli.api import ApiClient
from ogdc_cli.local.control import ensure_up
from ogdc_cli.local.paths import StatePaths
from ogdc_cli.progress import follow
from ogdc_cli.settings import ClientSettings
from ogdc_cli.submission import submit_recipe


class Finished(NamedTuple):
    """How a run ended."""

    run: dict[str, Any]
    """As `GET /runs/{name}` gives it."""
    outputs: tuple[Path, ...]
    """The files it left; empty unless it succeeded."""


def run_recipe(recipe: str, *, output_dir: Path, idle_timeout: float | None, quiet: bool = False) -> Finished:
    """Run `recipe` to its end on this machine.

    What an earlier run of the recipe published in the local stack is replaced: each run's outputs are kept apart
    under `output_dir` anyway, and an author runs a recipe many times.
    """
    stack = ensure_up(idle_timeout=idle_timeout)
    client = ApiClient(ClientSettings.from_env()._replace(api_url=stack.url, verify_tls=True))
    name = submit_recipe(client, recipe, overwrite=True).name
    run = follow(client, name, quiet=quiet)
    if run["status"] != "Succeeded":
        return Finished(run=run, outputs=())
    target = output_dir / name
    if run["output_type"] == "temporary":
        _fetch_zip(client, name, target)
    else:
        shutil.copytree(StatePaths.from_env().volume / run["recipe_id"], target, symlinks=True)
    return Finished(run=run, outputs=tuple(sorted(path for path in target.rglob("*") if not path.is_dir())))


def _fetch_zip(client: ApiClient, name: str, target: Path) -> None:
    """Download a run's zip and unpack it into `target` in one visible step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
        archive = client.download(client.output_url(name), Path(scratch))
        unpacked = Path(scratch) / "unpacked"
        with zipfile.ZipFile(archive) as file:
            file.extractall(unpacked)
        unpacked.rename(target)
