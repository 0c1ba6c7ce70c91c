"""`ogdc-runner run`: submit to the local stack, follow, and bring the outputs to the author's directory."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ogdc_cli.api import ApiClient
from ogdc_cli.local.control import ensure_up
from ogdc_cli.local.paths import StatePaths
from ogdc_cli.progress import follow
from ogdc_cli.settings import ClientSettings
from ogdc_cli.submission import pack_recipe, submit
from ogdc_shared.errors import ForbiddenError, OgdcError


class Finished(NamedTuple):
    """How a run ended."""

    run: dict[str, Any]
    """As `GET /runs/{name}` gives it."""
    outputs: tuple[Path, ...]
    """The files it left; empty unless it succeeded."""


def run_recipe(recipe: str, *, output_dir: Path, idle_timeout: float | None, quiet: bool = False) -> Finished:
    """Run `recipe` to its end on this machine.

    What an earlier run of the recipe published in the local stack is replaced: each run's outputs are kept
    apart under `output_dir` anyway, and an author runs a recipe many times.

    Raises:
        OgdcError: the recipe is refused, or the stack does not work.
        OSError: the outputs cannot be written.
    """
    _require_writable(output_dir)
    parcel = pack_recipe(recipe)
    stack = ensure_up(idle_timeout=idle_timeout)
    client = ApiClient(ClientSettings.from_env()._replace(api_url=stack.url, by_default=False))
    name = submit(client, parcel, overwrite=True).name
    with _cancelled_with_us(client, name):
        run = follow(client, name, quiet=quiet)
    if run["status"] != "Succeeded":
        return Finished(run=run, outputs=())
    target = output_dir / name
    with _appearing(target) as scratch:
        if run["output_type"] == "temporary":
            _unpack(client.download(client.output_url(name), scratch.parent), into=scratch)
        else:
            shutil.copytree(StatePaths.from_env().volume / run["recipe_id"], scratch, symlinks=True)
    return Finished(run=run, outputs=tuple(sorted(path for path in target.rglob("*") if not path.is_dir())))


def _require_writable(directory: Path) -> None:
    """Refuse a place for the outputs before the run instead of after it."""
    there = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ForbiddenError(f"{directory} cannot be written to. Choose another place with --output-dir.")


@contextmanager
def _cancelled_with_us(client: ApiClient, name: str) -> Iterator[None]:
    """Cancel the run when the user interrupts us."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(OgdcError):
            client.cancel(name)
            print(f"{name} is cancelled.", file=sys.stderr)
        raise


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """Lend a path for a directory that becomes `target` in one step, and only if the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        fresh = Path(scratch, "outputs")
        yield fresh
        fresh.rename(target)


def _unpack(archive: Path, *, into: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        file.extractall(into)
