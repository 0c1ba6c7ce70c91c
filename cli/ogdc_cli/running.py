"""`ogdc-runner run`: submit to the local stack, follow the run, and copy its outputs to the user."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ogdc_cli.api import ApiClient, Submitted
from ogdc_cli.interrupts import INTERRUPTS, interrupts_held
from ogdc_cli.settings import ClientSettings
from ogdc_cli.submission import NOTHING_SET, PackedRecipe, pack_recipe, submit
from ogdc_cli.terminal import say
from ogdc_local.stack.control import current, ensure_up
from ogdc_local.stack.paths import StatePaths
from ogdc_shared.errors import InvalidRequestError, OgdcError
from ogdc_shared.layout import COMPANIONS, PROCESS, RESULT, partition_workspace
from ogdc_shared.phases import Phase

if TYPE_CHECKING:
    from ogdc_shared.api.answers import RunDetail


class Finished(NamedTuple):
    """How a run ended."""

    run: RunDetail
    """As `GET /runs/{name}` gives it."""
    outputs: tuple[Path, ...]
    """The files it left; empty unless it succeeded."""


def run_recipe(
    recipe: str,
    *,
    output_dir: Path,
    idle_timeout: float | None,
    parameters: Mapping[str, str] = NOTHING_SET,
    cache: bool = True,
    fresh: bool = False,
    quiet: bool = False,
) -> Finished:
    """Run `recipe` to its end on this machine.

    What an earlier run of the recipe published in the local stack is replaced: each run's outputs are kept
    apart under `output_dir` anyway, and an author runs a recipe many times.

    Raises:
        OgdcError: the recipe is refused, or the stack does not work.
        OSError: the outputs cannot be written.
    """
    is_up = current() is not None  # then the stack checks the recipe, and sooner
    packed = pack_recipe(recipe, parameters=parameters, check=not is_up)
    with _scratch_in(output_dir) as scratch:
        _, run = run_to_end(
            packed, idle_timeout=idle_timeout, overwrite=True, cache=cache, fresh=fresh, quiet=quiet
        )
        if run.status != Phase.SUCCEEDED:
            return Finished(run=run, outputs=())
        target = _copy_outputs(run, scratch / "outputs").rename(output_dir / run.name)
    return Finished(run=run, outputs=tuple(_files_in(target)))


def run_to_end(
    packed: PackedRecipe,
    *,
    idle_timeout: float | None,
    overwrite: bool,
    cache: bool = True,
    fresh: bool = False,
    quiet: bool = False,
) -> tuple[ApiClient, RunDetail]:
    """Submit a recipe to the stack on this machine, which is started if need be, and follow its run.

    Returns:
        The client of the stack, and how the run ended.

    Raises:
        OgdcError: the recipe is refused, or the stack does not work.
    """
    stack = ensure_up(idle_timeout=idle_timeout)
    client = ApiClient(ClientSettings.from_env().at_stack(stack.url))
    with _cancelled_with_us(
        client, lambda: submit(client, packed, overwrite=overwrite, cache=cache, fresh=fresh)
    ) as name:
        from ogdc_cli.progress import follow  # while the run begins, there is time

        return client, follow(client, name, quiet=quiet, tasks=quiet)


def _files_in(directory: Path) -> Iterator[Path]:
    """Yield the files in a directory at any depth, sorted by the components of their paths."""
    from ogdc_shared.walking import walk

    names = [name.split("/") for name, entry in walk(str(directory)) if not entry.is_dir()]
    yield from (directory.joinpath(*parts) for parts in sorted(names))


@contextmanager
def _scratch_in(directory: Path) -> Iterator[Path]:
    """Lend a directory inside `directory`, which is made and, where nothing is kept in it, removed again.

    Raises:
        InvalidRequestError: nothing can be written there; better refused before the run than after it.
    """
    is_new = not directory.exists()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(dir=directory, prefix=".run-")
    except OSError as exc:
        raise InvalidRequestError(
            f"{directory} cannot be used for outputs ({exc.strerror}); choose another one with --output-dir."
        ) from exc
    try:
        with scratch as path:
            yield Path(path)
    finally:
        if is_new:
            with suppress(OSError):
                directory.rmdir()


@contextmanager
def _cancelled_with_us(client: ApiClient, submitted: Callable[[], Submitted]) -> Iterator[str]:
    """Submit a run, yield its name, and cancel it if this process is asked to end.

    This includes the loss of the terminal. Signals during the submission are handled once the run's name is
    known.
    """
    name = ""
    try:
        with interrupts_held():  # a run with an unknown name could not be cancelled
            name = submitted().name
        yield name
    except (*INTERRUPTS, OSError):
        with suppress(OgdcError, OSError), interrupts_held():  # who asks twice has the run cancelled, too
            if name:
                client.cancel(name)
                say(f"Cancelling {name}.", err=True)
        raise


def zipped_directories(volume: Path, run: str, stages: Sequence[tuple[str, int]]) -> Iterator[Path]:
    """Yield what a zip was made of: all that the last stage left, and what earlier ones left of the result.

    Args:
        volume: The workflow volume.
        run: The run's name.
        stages: Names of its stages, in order, and how many partitions each has.
    """
    *_, (last, _) = stages
    for stage, partitions in stages:
        for number in range(partitions):
            left = volume / partition_workspace(run, number, stage) / "output_dir"
            part = left if stage == last else left / RESULT
            if part.is_dir():
                yield part


def _stages(run: RunDetail) -> list[tuple[str, int]]:
    """Name a run's stages in order, and say how many partitions each has; reused ones have no tasks."""
    later = [(each.stage, each.tasks) for each in run.stages if each.stage != PROCESS]
    return [(PROCESS, run.partitions or 0), *later]


def _copy_outputs(run: RunDetail, target: Path) -> Path:
    """Copy a run's outputs, as its commands left them, to a new directory.

    Both kinds are on the stack's volume: published data, and the content of a zip. Provenance and catalogue
    are not copied.
    """
    from ogdc_shared.copying import copy_tree
    from ogdc_shared.outputs.policies import policy_of
    from ogdc_shared.removal import remove

    volume = StatePaths.from_env().volume
    if policy_of(run.output_type).is_zip:
        sources = [*zipped_directories(volume, run.name, _stages(run))]
    else:
        sources = [volume / run.recipe_id]
    for source in sources:
        copy_tree(str(source), str(target))
    for name, file in COMPANIONS:
        if (target / name / file).is_file():
            remove(str(target / name))
    return target
