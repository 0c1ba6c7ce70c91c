"""A pod on this machine: preparing its directories and files, and collecting its results.

Everything here may take long and runs in helpers' threads; containers are started elsewhere.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ogdc_local.engine.artifacts import Artifacts
from ogdc_local.engine.egress_socket import EgressSocket
from ogdc_local.engine.fetching import NOTHING_BESIDES, Fetching, no_secret, staged
from ogdc_local.engine.guard import Excess
from ogdc_local.engine.instances import Attempt, PodResult
from ogdc_local.engine.output import Output
from ogdc_local.engine.pod_dirs import OUTPUT, PodDirs
from ogdc_local.engine.program import OutputParameter, PodTemplate, Program, VolumeMount
from ogdc_local.engine.room import with_room
from ogdc_local.engine.safe_paths import safe_directory, safe_file, safe_found, safe_read
from ogdc_local.engine.substitute import fill
from ogdc_local.sandbox import Container, Exit, Mount
from ogdc_shared.errors import OgdcError
from ogdc_shared.layout import (
    DISK,
    EGRESS,
    EGRESS_ADDRESSES,
    EGRESS_PATH,
    FETCHING,
    PHASE,
    RUNNING,
    SHARED_MACHINE,
    TERMINATION_LOG_PATH,
)
from ogdc_shared.phases import Phase
from ogdc_shared.removal import remove
from ogdc_shared.storage.directory import DirectoryStore
from ogdc_shared.storage.store import ArtifactNotFoundError
from ogdc_shared.walking import walk

_LOG = logging.getLogger(__name__)
_TMP = "/tmp"  # noqa: S108  private to the pod
_ARGO_DIR = "/var/run/argo"
_PROGRESS = "progress"
_PROCESS = ("ogdc-worker", "process")
_REUSE = ("ogdc-worker", "reuse")
"""Asks servers whether inputs have changed, and runs no command."""
_PUBLISH = ("ogdc-worker", "publish")
"""Uploads a result if it may use the network, and runs no command either."""
_MESSAGE_BYTES = 4096
_PARAMETER_BYTES = 256 * 1024
_OPTIONAL_BYTES = 1 << 30
"""Size limit of an optional artifact; a larger one is not stored."""


class Prepared(NamedTuple):
    """A pod that is ready to start."""

    containers: tuple[Container, ...]
    """To be run in sequence."""
    output: Output
    """The caller releases it after starting the container."""
    scratch: Path
    """Directory of its scratch space."""
    leave: Callable[[], None]
    """Returns its directory; to be called if it is not started."""


class _Scratch(NamedTuple):
    """What the pods of one workflow share while it runs."""

    artifacts: Artifacts
    pod_dirs: PodDirs


class Pods:
    """The directories of all pods on this machine."""

    def __init__(
        self,
        *,
        store: DirectoryStore,
        volumes: Mapping[str, Path],
        log_dir: Path,
        log_limit: int,
        scratch: Path,
        owner: int | None,
        egress: Callable[[tuple[str, ...]], EgressSocket] | None = None,
        fetching: Fetching = NOTHING_BESIDES,
        secret: Callable[[str], Mapping[str, str]] = no_secret,
        on_forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Store the arguments; nothing is created yet.

        Args:
            store: The artifact store.
            volumes: Claim name → directory.
            log_dir: Has a directory with the logs of each workflow.
            log_limit: Size limit of a log, in bytes.
            scratch: Directory for running pods; its content does not outlive the engine.
            owner: The uid that must own directories a pod may write to, or None for the engine's own.
            egress: Returns the socket for network access of commands, given the non-public addresses that
                they may reach; None if commands never have network access.
            fetching: What containers that fetch inputs get in addition.
            secret: Returns the variables of a secret.
            on_forget: Called with the name of a deleted workflow, once none of its pods runs.
        """
        self._on_forget = on_forget
        self._store = store
        self._volumes = volumes
        self._log_dir = log_dir
        self._log_limit = log_limit
        self._scratch = scratch
        self._owner = owner
        self._egress = egress
        self._fetching = fetching
        self._secret = secret
        self._scratches: dict[str, _Scratch] = {}
        self._lock = threading.Lock()

    def clean(self, workflows: Iterable[str]) -> None:
        """Remove what a killed engine left, and the logs of all but these workflows."""
        _clear_away(self._scratch)
        self._scratch.mkdir(parents=True, exist_ok=True)
        self._log_dir.mkdir(parents=True, exist_ok=True)
        for name in {path.name for path in self._log_dir.iterdir()}.difference(workflows):
            _clear_away(self._log_dir / name)

    def prepare(self, program: Program, attempt: Attempt) -> Prepared:
        """Prepare a pod.

        Raises:
            OgdcError: an artifact does not exist or cannot be unpacked.
            OSError: a directory cannot be created or opened.
        """
        path = self.log(program.name, attempt.node.id)
        output = Output(path, limit=self._log_limit, resumed=attempt.resumed)
        try:
            scratch = self._scratch_of(program.name)
            directory = scratch.pod_dirs.take(attempt.node.id)
            template, scope = attempt.template, attempt.scope
            container = Container(
                name=attempt.node.id,
                image=template.image,
                argv=tuple(fill(word, scope) for word in template.argv),
                env={name: fill(value, scope) for name, value in template.env.items()}
                | {
                    "ARGO_PROGRESS_FILE": f"{_ARGO_DIR}/{_PROGRESS}",
                    SHARED_MACHINE: "true",
                    DISK: str(self._scratch.parent),
                },
                mounts=(
                    *self._own_mounts(directory, template),
                    *_inputs(scratch.artifacts, attempt),
                    *self._mounts(program, attempt, directory),
                ),
                memory=template.limits.memory,
            )
            containers = self._phases(container, template, directory)
        except BaseException:
            output.release()
            raise
        tmp = next(m.source for m in container.mounts if m.target == _TMP)
        return Prepared(containers, output, tmp, partial(scratch.pod_dirs.leave, attempt.node.id))

    def collect(
        self, program: Program, attempt: Attempt, ended: Exit, excess: Excess | None = None
    ) -> PodResult:
        """Store the outputs of a pod that has ended, and release its directory.

        Args:
            program: The pod's workflow.
            attempt: The pod.
            ended: How it ended.
            excess: The limit that it was killed for exceeding, or None.
        """
        pod_dirs = self._scratch_of(program.name).pod_dirs
        directory = pod_dirs.of(attempt.node.id)
        try:
            outcome = self._outcome(program, attempt, ended, excess, directory)
            return outcome._replace(optional=tuple(self._save_optional(attempt, directory)))
        finally:
            pod_dirs.leave(attempt.node.id)

    def _outcome(
        self, program: Program, attempt: Attempt, ended: Exit, excess: Excess | None, directory: Path
    ) -> PodResult:
        try:
            if not ended.started:
                return PodResult(
                    Phase.ERROR, f"The sandbox could not be set up: {self._last_words(program, attempt)}"
                )
            if excess is not None:
                text = (safe_read(directory, "message", limit=_MESSAGE_BYTES) or "").strip()
                return PodResult(Phase.FAILED, f"{excess.message} {text}".rstrip(), excess.exit_code)
            if ended.code != 0:
                text = (safe_read(directory, "message", limit=_MESSAGE_BYTES) or "").strip()
                reason = f"main: Error (exit code {ended.code})"
                return PodResult(Phase.FAILED, f"{reason}: {text}" if text else reason, ended.code)
            return PodResult(Phase.SUCCEEDED, None, 0, self._save_outputs(program, attempt, directory))
        except (OgdcError, OSError) as exc:
            return PodResult(Phase.ERROR, f"The outputs could not be saved: {exc}", ended.code)

    def progress(self, program: Program, attempt: Attempt) -> str | None:
        """Return a running pod's progress."""
        directory = self._scratch_of(program.name).pod_dirs.of(attempt.node.id)
        return safe_read(directory, f"argo/{_PROGRESS}", limit=64)

    def log(self, workflow: str, node: str) -> Path:
        """Return the path of a pod's log."""
        return self._log_dir / workflow / f"{node}.log"

    def finished(self, workflow: str) -> None:
        """Remove what a workflow needs only while it runs."""
        with self._lock:
            if scratch := self._scratches.pop(workflow, None):
                scratch.pod_dirs.close()
        _clear_away(self._scratch / workflow)

    def forget(self, workflow: str) -> None:
        """Remove everything of a deleted workflow."""
        self.finished(workflow)
        self._on_forget(workflow)
        _clear_away(self._log_dir / workflow)

    def _phases(self, container: Container, template: PodTemplate, directory: Path) -> tuple[Container, ...]:
        """Split a pod that needs both into a container that fetches and one that runs commands."""
        if template.network != "none" and container.argv[:2] == _REUSE:
            asking = container._replace(network=True)
            return (self._fetching.equipped(asking, directory=directory, owner=self._owner),)
        if template.network != "none" and container.argv[:2] == _PUBLISH:
            return (container._replace(network=True),)
        if template.network == "none" or container.argv[:2] != _PROCESS:
            return (container,)
        fetching = container._replace(
            name=f"{container.name}-fetch", env={**container.env, PHASE: FETCHING}, network=True
        )
        fetching = self._fetching.equipped(fetching, directory=directory, owner=self._owner)
        running = container._replace(env={**container.env, PHASE: RUNNING})
        if template.network == "commands" and self._egress is not None:
            way = self._egress(template.addresses)
            running = running._replace(
                env={**running.env, EGRESS: EGRESS_PATH, EGRESS_ADDRESSES: " ".join(way.loopback)},
                mounts=(*running.mounts, Mount(way.path, EGRESS_PATH)),
            )
        return fetching, running

    # --- preparing ------------------------------------------------------------------------------------------

    def _own_mounts(self, directory: Path, template: PodTemplate) -> list[Mount]:
        """Return the mounts that each pod has, and files for outputs that are on no volume."""
        return [
            Mount(safe_directory(directory, "argo", owner=self._owner), _ARGO_DIR),
            Mount(with_room(_writable(directory / "message"), _MESSAGE_BYTES), TERMINATION_LOG_PATH),
            *(
                Mount(_writable(directory / f"{OUTPUT}{artifact.name}"), artifact.path)
                for artifact in template.outputs
                if not template.is_mounted(artifact.path)
            ),
        ]

    def _mounts(self, program: Program, attempt: Attempt, directory: Path) -> list[Mount]:
        mounts = attempt.template.mounts
        found = [self._mount(program, mount, attempt, directory) for mount in mounts]
        if all(mount.path != _TMP for mount in mounts):
            found.append(Mount(safe_directory(directory, "tmp", owner=self._owner), _TMP))
        return found

    def _mount(self, program: Program, mount: VolumeMount, attempt: Attempt, directory: Path) -> Mount:
        if secret := program.secrets.get(mount.volume):
            values = {name: value.encode() for name, value in self._secret(secret).items()}
            place = str(PurePosixPath("volumes", mount.volume))
            return Mount(staged(values, directory, place, self._owner), mount.path, writable=False)
        root, relative = self._place(program, mount, attempt, directory)
        if not mount.read_only:
            return Mount(safe_directory(root, relative, owner=self._owner), mount.path)
        shared = program.claims[mount.volume] is not None
        source = safe_found(root, relative) if shared else safe_directory(root, relative, owner=None)
        return Mount(source, mount.path, writable=False)

    def _place(
        self, program: Program, mount: VolumeMount, attempt: Attempt, directory: Path
    ) -> tuple[Path, str]:
        """Return a directory that tasks cannot replace, and the mount's path below it."""
        claim = program.claims[mount.volume]
        sub_path = fill(mount.sub_path, attempt.scope)
        if claim is None:
            return directory, str(PurePosixPath("volumes", mount.volume, sub_path))
        return self._volumes[claim], sub_path

    # --- collecting -----------------------------------------------------------------------------------------

    def _save_outputs(
        self, program: Program, attempt: Attempt, directory: Path
    ) -> tuple[tuple[str, str], ...]:
        for artifact in attempt.template.outputs:
            if artifact.optional:
                continue
            root, relative = self._host_place(program, attempt, directory, artifact.path)
            self._store.put_all(_objects(fill(artifact.key, attempt.scope), safe_found(root, relative)))
        return tuple(
            (
                parameter.name,
                _parameter(parameter, *self._host_place(program, attempt, directory, parameter.path)),
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

    def _host_place(self, program: Program, attempt: Attempt, directory: Path, path: str) -> tuple[Path, str]:
        """Return where a path of the pod is on this machine: a safe directory, and the path below it."""
        inside = PurePosixPath(path)
        mounts = [mount for mount in attempt.template.mounts if inside.is_relative_to(mount.path)]
        if not mounts:
            return directory, str(PurePosixPath("tmp", inside.relative_to(_TMP)))
        mount = max(mounts, key=lambda m: len(m.path))
        root, relative = self._place(program, mount, attempt, directory)
        return root, str(PurePosixPath(relative, inside.relative_to(mount.path)))

    def _last_words(self, program: Program, attempt: Attempt) -> str:
        path = self.log(program.name, attempt.node.id)
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _MESSAGE_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def _scratch_of(self, workflow: str) -> _Scratch:
        with self._lock:
            if workflow not in self._scratches:
                directory = self._scratch / workflow
                artifacts = Artifacts(self._store, directory / "artifacts", shared=self._owner is not None)
                self._scratches[workflow] = _Scratch(artifacts, PodDirs(directory))
            return self._scratches[workflow]


def _writable(file: Path) -> Path:
    """Create a file that any user can write to, and return its path."""
    if not file.exists():
        file.touch()
        file.chmod(0o666)
    return file


def _inputs(artifacts: Artifacts, attempt: Attempt) -> Iterator[Mount]:
    for artifact in attempt.template.inputs:
        try:
            staged = artifacts.staged(fill(artifact.key, attempt.scope), unpacked=artifact.unpacked)
        except ArtifactNotFoundError:
            if not artifact.optional:
                raise
        else:
            yield Mount(staged, artifact.path, writable=False)


def _objects(key: str, output: Path) -> Iterator[tuple[str, Path]]:
    """Yield the key and file of each object of an output; a directory becomes one object per file."""
    if not output.is_dir():
        yield key, output
        return
    for relative, entry in walk(str(output)):
        if not entry.is_dir(follow_symlinks=False):
            yield f"{key}/{relative}", safe_file(output, relative)


def _clear_away(path: Path) -> None:
    """Remove a path; a failure is only logged, since it merely wastes space."""
    try:
        remove(path)
    except OSError as exc:
        _LOG.warning("%s cannot be removed: %s", path, exc)


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
