"""The original to reproduce: a crate, and its outputs if available."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ogdc_cli.api import ApiClient
from ogdc_cli.crates import fetch_crate
from ogdc_cli.reproduce.comparison import inside, is_altered
from ogdc_local.stack.paths import StatePaths
from ogdc_shared.errors import InvalidRequestError, OgdcError
from ogdc_shared.layout import CRATE_METADATA, PROVENANCE, receipt
from ogdc_shared.provenance.reading import Entry, unpack_crate


class Original(NamedTuple):
    """A run of before."""

    crate: Path
    outputs: Path | None
    """Directory with its outputs, or None if they are not at hand."""
    name: str
    """What to call it."""
    elsewhere: tuple[Path, ...] = ()
    """Further directories that may contain outputs; a file with the original checksum is one."""
    reason: str = "there is only a crate"
    """Why the outputs are not at hand, if they are not."""

    def made(self, path: str, entry: Entry) -> Path | None:
        """Return an output as the run made it; None if it is not at hand, or was changed since."""
        found = inside(self.outputs, path) if self.outputs else None
        if found is not None and not is_altered(found, entry):
            return found
        if not entry.checksum:
            return None
        others = (inside(directory, path) for directory in self.elsewhere)
        return next((each for each in others if each is not None and not is_altered(each, entry)), None)

    @property
    def recipe(self) -> Path:
        """The recipe as it was submitted.

        Raises:
            InvalidRequestError: the crate has none.
        """
        directory = self.crate / "recipe"
        if not (directory / "meta.yml").is_file():
            raise InvalidRequestError(
                f"The crate of {self.name} does not contain the recipe: it was not made for the run's owner, "
                "or the recipe was already removed. Ask the owner for `ogdc-runner provenance RUN`."
            )
        return directory


@contextmanager
def opened(target: Path, *, outputs: Path | None = None) -> Iterator[Original]:
    """Lend what a crate on this machine tells of.

    Args:
        target: A crate, a result with one in it, or a zip of either.
        outputs: Where the outputs are, if elsewhere.

    Raises:
        InvalidRequestError: there is no crate.
    """
    with tempfile.TemporaryDirectory(prefix="ogdc-reproduce-") as scratch:
        directory = target
        if target.is_file():
            directory = Path(scratch, "unpacked")
            unpack_crate(target, directory)
        found = _found(directory, target)
        yield found._replace(outputs=outputs) if outputs else found


def _found(directory: Path, target: Path) -> Original:
    """Find a crate in a directory, or in that of a result."""
    inside = directory / PROVENANCE
    if (inside / CRATE_METADATA).is_file():
        return Original(inside, directory, str(target))
    if not (directory / CRATE_METADATA).is_file():
        raise InvalidRequestError(
            f"{target} is not a crate: it has no {CRATE_METADATA}. Give the output of `ogdc-runner "
            "provenance RUN`, a result with a directory .provenance, or the name of a run."
        )
    is_beside = directory.absolute().name == PROVENANCE
    return Original(directory, directory.absolute().parent if is_beside else None, str(target))


@contextmanager
def of_run(client: ApiClient, name: str, *, outputs: Path | None, copies: Path) -> Iterator[Original]:
    """Yield a run's crate, and its outputs if they are available.

    Args:
        client: Client of the deployment with the run.
        name: Name of the run.
        outputs: Directory with its outputs; None means to look for them.
        copies: Directory in which `run` may have copied outputs, by the runs' names.

    Raises:
        ApiError: the deployment rejects the request or does not respond.
    """
    with tempfile.TemporaryDirectory(prefix="ogdc-reproduce-") as scratch:
        crate = fetch_crate(client, name, Path(scratch, "crate"))
        original = Original(crate, outputs, name, elsewhere=(copies / name,))
        yield original if outputs else _with_outputs(original, client, Path(scratch))


def _with_outputs(original: Original, client: ApiClient, scratch: Path) -> Original:
    """Find a run's outputs: its zip, the published directory, or what `run` has copied to here."""
    run = client.run(original.name, tasks=0)
    if "output" in run.links:
        try:
            archive = client.download(client.output_url(original.name), scratch)
        except OgdcError as exc:  # its time may be over
            return original._replace(reason=str(exc).rstrip("."))
        unpack_crate(archive, scratch / "outputs")
        return original._replace(outputs=scratch / "outputs")
    volume = StatePaths.from_env().volume
    published, note = volume / run.recipe_id, volume / receipt(run.recipe_id)
    newest = json.loads(note.read_bytes()).get("run") if note.is_file() else None
    if newest == original.name:
        return original._replace(outputs=published)
    reason = f"{run.recipe_id}/ on the workflow volume is not there"
    if newest is not None:
        reason = f"{run.recipe_id}/ on the workflow volume is that of run {newest} by now"
    return original._replace(elsewhere=(published, *original.elsewhere), reason=reason)
