"""A pod on this machine: preparing its containers, and collecting its result.

Everything here may take long and runs in helpers' threads; containers are started elsewhere.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ogdc_local.engine.artifacts import Artifacts
from ogdc_local.engine.egress_socket import EgressSocket
from ogdc_local.engine.fetching import NOTHING_BESIDES, Fetching, no_secret
from ogdc_local.engine.guard import Excess
from ogdc_local.engine.instances import Attempt, PodResult
from ogdc_local.engine.output import Output
from ogdc_local.engine.pod_dirs import PodDirs
from ogdc_local.engine.pod_mounts import ARGO_DIR, PodMounts, inputs
from ogdc_local.engine.pod_places import TMP, PodPlaces
from ogdc_local.engine.pod_results import PodResults
from ogdc_local.engine.program import PodTemplate, Program
from ogdc_local.engine.safe_paths import safe_read
from ogdc_local.engine.substitute import fill
from ogdc_local.sandbox import Container, Exit, Mount
from ogdc_shared.layout import (
    DISK,
    EGRESS,
    EGRESS_ADDRESSES,
    EGRESS_PATH,
    FETCHING,
    PHASE,
    RUNNING,
    SHARED_MACHINE,
)
from ogdc_shared.removal import remove
from ogdc_shared.storage.directory import DirectoryStore

_LOG = logging.getLogger(__name__)
_PROGRESS = "progress"
_PROCESS = ("ogdc-worker", "process")
_REUSE = ("ogdc-worker", "reuse")
"""Asks servers whether inputs have changed, and runs no command."""
PUBLISH = ("ogdc-worker", "publish")
"""Uploads a result if it may use the network, and runs no command either."""


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
        places = PodPlaces(volumes)
        self._mounts = PodMounts(places, owner=owner, secret=secret)
        self._results = PodResults(store, places, self.log)
        self._log_dir = log_dir
        self._log_limit = log_limit
        self._scratch = scratch
        self._owner = owner
        self._egress = egress
        self._fetching = fetching
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
                    "ARGO_PROGRESS_FILE": f"{ARGO_DIR}/{_PROGRESS}",
                    SHARED_MACHINE: "true",
                    DISK: str(self._scratch.parent),
                },
                mounts=(
                    *self._mounts.own(directory, template),
                    *inputs(scratch.artifacts, attempt),
                    *self._mounts.of_volumes(program, attempt, directory),
                ),
                memory=template.limits.memory,
            )
            containers = self._phases(container, template, directory)
        except BaseException:
            output.release()
            raise
        tmp = next(m.source for m in container.mounts if m.target == TMP)
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
            return self._results.result(program, attempt, ended, excess, directory)
        finally:
            pod_dirs.leave(attempt.node.id)

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
        if template.network != "none" and container.argv[:2] == PUBLISH:
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

    def _scratch_of(self, workflow: str) -> _Scratch:
        with self._lock:
            if workflow not in self._scratches:
                directory = self._scratch / workflow
                artifacts = Artifacts(self._store, directory / "artifacts", shared=self._owner is not None)
                self._scratches[workflow] = _Scratch(artifacts, PodDirs(directory))
            return self._scratches[workflow]


def _clear_away(path: Path) -> None:
    """Remove a path; a failure is only logged, since it merely wastes space."""
    try:
        remove(path)
    except OSError as exc:
        _LOG.warning("%s cannot be removed: %s", path, exc)
