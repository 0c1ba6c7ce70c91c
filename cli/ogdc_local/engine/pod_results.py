"""The result of a pod that has ended on this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from ogdc_local.engine.guard import Excess
from ogdc_local.engine.instances import Attempt, PodResult
from ogdc_local.engine.pod_dirs import OUTPUT
from ogdc_local.engine.pod_mounts import MESSAGE_BYTES
from ogdc_local.engine.pod_places import PodPlaces
from ogdc_local.engine.program import OutputParameter, Program
from ogdc_local.engine.safe_paths import safe_file, safe_found, safe_read
from ogdc_local.engine.substitute import fill
from ogdc_local.sandbox import Exit
from ogdc_shared.errors import OgdcError
from ogdc_shared.phases import Phase
from ogdc_shared.storage.directory import DirectoryStore
from ogdc_shared.walking import walk

_LOG = logging.getLogger(__name__)
_PARAMETER_BYTES = 256 * 1024
_OPTIONAL_BYTES = 1 << 30
"""Size limit of an optional artifact; a larger one is not stored."""


class PodResults:
    """Determines the results of pods, and stores their outputs."""

    def __init__(self, store: DirectoryStore, places: PodPlaces, log: Callable[[str, str], Path]) -> None:
        """Store the arguments.

        Args:
            store: The artifact store.
            places: Where the outputs are.
            log: Returns the path of a pod's log, given the name of its workflow and the id of its node.
        """
        self._store = store
        self._places = places
        self._log = log

    def result(
        self, program: Program, attempt: Attempt, ended: Exit, excess: Excess | None, directory: Path
    ) -> PodResult:
        """Store the outputs of a pod that has ended, and return its result.

        Args:
            program: The pod's workflow.
            attempt: The pod.
            ended: How it ended.
            excess: The limit that it was killed for exceeding, or None.
            directory: The pod's directory.
        """
        outcome = self._outcome(program, attempt, ended, excess, directory)
        return outcome._replace(optional=tuple(self._save_optional(attempt, directory)))

    def _outcome(
        self, program: Program, attempt: Attempt, ended: Exit, excess: Excess | None, directory: Path
    ) -> PodResult:
        try:
            if not ended.started:
                last_words = _last_words(self._log(program.name, attempt.node.id))
                return PodResult(Phase.ERROR, f"The sandbox could not be set up: {last_words}")
            if excess is not None:
                text = (safe_read(directory, "message", limit=MESSAGE_BYTES) or "").strip()
                return PodResult(Phase.FAILED, f"{excess.message} {text}".rstrip(), excess.exit_code)
            if ended.code != 0:
                text = (safe_read(directory, "message", limit=MESSAGE_BYTES) or "").strip()
                reason = f"main: Error (exit code {ended.code})"
                return PodResult(Phase.FAILED, f"{reason}: {text}" if text else reason, ended.code)
            return PodResult(Phase.SUCCEEDED, None, 0, self._save_outputs(program, attempt, directory))
        except (OgdcError, OSError) as exc:
            return PodResult(Phase.ERROR, f"The outputs could not be saved: {exc}", ended.code)

    def _save_outputs(
        self, program: Program, attempt: Attempt, directory: Path
    ) -> tuple[tuple[str, str], ...]:
        for artifact in attempt.template.outputs:
            if artifact.optional:
                continue
            root, relative = self._places.of_path(program, attempt, directory, artifact.path)
            self._store.put_all(_objects(fill(artifact.key, attempt.scope), safe_found(root, relative)))
        return tuple(
            (
                parameter.name,
                _parameter(parameter, *self._places.of_path(program, attempt, directory, parameter.path)),
            )
            for parameter in attempt.template.output_parameters
        )

    def _save_optional(self, attempt: Attempt, directory: Path) -> Iterator[str]:
        """Store a pod's optional artifacts, however it ended, and yield their names."""
        for artifact in attempt.template.outputs:
            file = directory / f"{OUTPUT}{artifact.name}"
            if not artifact.optional or not 0 < file.stat().st_size <= _OPTIONAL_BYTES:
                continue
            try:
                self._store.put_unsynced(fill(artifact.key, attempt.scope), file)
            except OgdcError as exc:
                _LOG.warning("%s of %s is not kept: %s", artifact.name, attempt.node.name, exc)
            else:
                yield artifact.name


def _last_words(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - MESSAGE_BYTES))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"


def _objects(key: str, output: Path) -> Iterator[tuple[str, Path]]:
    """Yield the key and file of each object of an output; a directory becomes one object per file."""
    if not output.is_dir():
        yield key, output
        return
    for relative, entry in walk(str(output)):
        if not entry.is_dir(follow_symlinks=False):
            yield f"{key}/{relative}", safe_file(output, relative)


def _parameter(parameter: OutputParameter, root: Path, relative: str) -> str:
    try:
        file = safe_file(root, relative)
    except FileNotFoundError:
        if parameter.default is None:
            raise
        return parameter.default
    if file.stat().st_size > _PARAMETER_BYTES:
        raise OSError(
            f"{relative!r} is larger than the {_PARAMETER_BYTES} bytes an output parameter may have"
        )
    return file.read_text(errors="replace").removesuffix("\n")
