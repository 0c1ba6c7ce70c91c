"""The mounts of a pod on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from ogdc_local.engine.artifacts import Artifacts
from ogdc_local.engine.fetching import staged
from ogdc_local.engine.instances import Attempt
from ogdc_local.engine.pod_dirs import OUTPUT
from ogdc_local.engine.pod_places import TMP, PodPlaces
from ogdc_local.engine.program import PodTemplate, Program, VolumeMount
from ogdc_local.engine.room import with_room
from ogdc_local.engine.safe_paths import safe_directory, safe_found
from ogdc_local.engine.substitute import fill
from ogdc_local.sandbox import Mount
from ogdc_shared.layout import TERMINATION_LOG_PATH
from ogdc_shared.storage.store import ArtifactNotFoundError

ARGO_DIR = "/var/run/argo"
MESSAGE_BYTES = 4096


class PodMounts:
    """Creates what pods mount."""

    def __init__(
        self, places: PodPlaces, *, owner: int | None, secret: Callable[[str], Mapping[str, str]]
    ) -> None:
        """Store the arguments, which are those of `Pods`."""
        self._places = places
        self._owner = owner
        self._secret = secret

    def own(self, directory: Path, template: PodTemplate) -> list[Mount]:
        """Return the mounts that each pod has, and files for outputs that are on no volume."""
        return [
            Mount(safe_directory(directory, "argo", owner=self._owner), ARGO_DIR),
            Mount(with_room(_writable(directory / "message"), MESSAGE_BYTES), TERMINATION_LOG_PATH),
            *(
                Mount(_writable(directory / f"{OUTPUT}{artifact.name}"), artifact.path)
                for artifact in template.outputs
                if not template.is_mounted(artifact.path)
            ),
        ]

    def of_volumes(self, program: Program, attempt: Attempt, directory: Path) -> list[Mount]:
        """Return the mounts of volumes, and a private `/tmp` unless a volume is mounted there."""
        mounts = attempt.template.mounts
        found = [self._mount(program, mount, attempt, directory) for mount in mounts]
        if all(mount.path != TMP for mount in mounts):
            found.append(Mount(safe_directory(directory, "tmp", owner=self._owner), TMP))
        return found

    def _mount(self, program: Program, mount: VolumeMount, attempt: Attempt, directory: Path) -> Mount:
        if secret := program.secrets.get(mount.volume):
            values = {name: value.encode() for name, value in self._secret(secret).items()}
            place = str(PurePosixPath("volumes", mount.volume))
            return Mount(staged(values, directory, place, self._owner), mount.path, writable=False)
        root, relative = self._places.of_mount(program, mount, attempt, directory)
        if not mount.read_only:
            return Mount(safe_directory(root, relative, owner=self._owner), mount.path)
        shared = program.claims[mount.volume] is not None
        source = safe_found(root, relative) if shared else safe_directory(root, relative, owner=None)
        return Mount(source, mount.path, writable=False)


def inputs(artifacts: Artifacts, attempt: Attempt) -> Iterator[Mount]:
    """Yield the mounts of input artifacts.

    Raises:
        ArtifactNotFoundError: a required one does not exist.
    """
    for artifact in attempt.template.inputs:
        try:
            staged = artifacts.staged(fill(artifact.key, attempt.scope), unpacked=artifact.unpacked)
        except ArtifactNotFoundError:
            if not artifact.optional:
                raise
        else:
            yield Mount(staged, artifact.path, writable=False)


def _writable(file: Path) -> Path:
    """Create a file that any user can write to, and return its path."""
    if not file.exists():
        file.touch()
        file.chmod(0o666)
    return file
