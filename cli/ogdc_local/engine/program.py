"""A workflow as the engine runs it, read from its manifest by `manifest.read_program`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ogdc_local.engine.guard import Limits

_MAX_WAIT = 365 * 86_400.0


class Backoff(NamedTuple):
    """Delays before retries, in seconds."""

    duration: float = 0.0
    factor: int = 1
    cap: float | None = None

    def before(self, retry: int) -> float:
        """Return the delay before the retry with that number, from 1."""
        seconds = self.duration * float(min(max(self.factor, 1), 1000)) ** min(retry - 1, 64)
        return min(seconds, _MAX_WAIT if self.cap is None else self.cap)


class Retry(NamedTuple):
    """A template's retryStrategy."""

    limit: int | None
    """Maximum number of retries; None means unlimited."""
    policy: str = "OnFailure"
    """Always, OnFailure, OnError or OnTransientError."""
    selective: bool = False
    """Whether the compiler's expression decides, too (`ogdc_shared.argo.retry`)."""
    backoff: Backoff = Backoff()


class InputArtifact(NamedTuple):
    """An object of the artifact store that is mounted at a path."""

    name: str
    path: str
    key: str
    """May contain tags."""
    unpacked: bool
    """Whether it is a tar.gz to be unpacked, so that `path` is a directory."""
    optional: bool = False
    """Whether the container starts without it if it does not exist."""


class OutputArtifact(NamedTuple):
    """A file or directory of a container that is stored in the artifact store unchanged."""

    name: str
    path: str
    key: str
    """May contain tags."""
    optional: bool = False
    """Whether it may be missing; it is stored even if the container failed."""


class OutputParameter(NamedTuple):
    """A value that a container writes to a file."""

    name: str
    path: str
    default: str | None = None
    """Value if there is no such file; None makes that an error."""


class VolumeMount(NamedTuple):
    """A volume, or a directory of one, in a container."""

    volume: str
    path: str
    sub_path: str
    """Relative path in the volume; empty for the whole volume. May contain tags."""
    read_only: bool


class PodTemplate(NamedTuple):
    """A template with a container."""

    name: str
    image: str
    argv: tuple[str, ...]
    """May contain tags."""
    env: Mapping[str, str]
    """May contain tags."""
    parameters: tuple[str, ...]
    """Names of the input parameters."""
    defaults: Mapping[str, str]
    """Default values of input parameters."""
    mounts: tuple[VolumeMount, ...]
    inputs: tuple[InputArtifact, ...]
    outputs: tuple[OutputArtifact, ...]
    output_parameters: tuple[OutputParameter, ...]
    retry: Retry | None
    deadline: int | None
    """Time limit of one try, in seconds."""
    limits: Limits = Limits()
    network: str = "inputs"
    """What it may use the network for: `none`, `inputs` or `commands` (see `RecipeFacts.network`)."""
    addresses: tuple[str, ...] = ()
    """Non-public addresses that its commands may reach (see `RecipeFacts.addresses`)."""

    def is_mounted(self, path: str) -> bool:
        """Whether a path of the container is on one of its volumes, or in its /tmp."""
        kept = ("/tmp", *(mount.path for mount in self.mounts))  # noqa: S108  the pod's own /tmp
        return path.startswith(tuple(f"{place}/" for place in kept))


class Task(NamedTuple):
    """A task of the DAG."""

    name: str
    template: str
    dependencies: tuple[str, ...]
    arguments: Mapping[str, str]
    """Values may contain tags."""
    sequence: tuple[str, str] | None = None
    """(start, count) of withSequence; both may contain tags."""
    numbers: str | None = None
    """withParam, a JSON list of whole numbers; may contain tags."""

    @property
    def fans_out(self) -> bool:
        """Whether it becomes any number of pods."""
        return self.sequence is not None or self.numbers is not None


class Ttl(NamedTuple):
    """How long an ended workflow is kept, in seconds; None means forever."""

    success: int | None = None
    failure: int | None = None


class Program(NamedTuple):
    """A workflow in the form that the engine executes."""

    name: str
    entrypoint: str
    tasks: tuple[Task, ...]
    """In topological order."""
    fail_fast: bool
    templates: Mapping[str, PodTemplate]
    secrets: Mapping[str, str]
    """Volume name → name of the secret."""
    labels: Mapping[str, str]
    """Labels of the workflow that templates may refer to."""
    claims: Mapping[str, str | None]
    """Volume name → claim name, or None for an emptyDir."""
    parallelism: int | None
    deadline: int | None
    """Time limit of the workflow, in seconds."""
    ttl: Ttl
