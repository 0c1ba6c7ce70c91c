"""Where the paths of a pod are on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ogdc_local.engine.instances import Attempt
from ogdc_local.engine.program import Program, VolumeMount
from ogdc_local.engine.substitute import fill

TMP = "/tmp"  # noqa: S108  private to the pod


class PodPlaces:
    """The directories of mounts and files of pods."""

    def __init__(self, volumes: Mapping[str, Path]) -> None:
        """Store the directory of each claim."""
        self._volumes = volumes

    def of_mount(
        self, program: Program, mount: VolumeMount, attempt: Attempt, directory: Path
    ) -> tuple[Path, str]:
        """Return a directory that tasks cannot replace, and the mount's path below it."""
        claim = program.claims[mount.volume]
        sub_path = fill(mount.sub_path, attempt.scope)
        if claim is None:
            return directory, str(PurePosixPath("volumes", mount.volume, sub_path))
        return self._volumes[claim], sub_path

    def of_path(self, program: Program, attempt: Attempt, directory: Path, path: str) -> tuple[Path, str]:
        """Return where a path of the pod is on this machine: a safe directory, and the path below it."""
        inside = PurePosixPath(path)
        mounts = [mount for mount in attempt.template.mounts if inside.is_relative_to(mount.path)]
        if not mounts:
            return directory, str(PurePosixPath("tmp", inside.relative_to(TMP)))
        mount = max(mounts, key=lambda m: len(m.path))
        root, relative = self.of_mount(program, mount, attempt, directory)
        return root, str(PurePosixPath(relative, inside.relative_to(mount.path)))
