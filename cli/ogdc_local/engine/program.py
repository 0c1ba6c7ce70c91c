"""A workflow as the engine runs it, read from its manifest by `manifest.read_program`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ogdc_local.engine.guard import Limits

_MAX_WAIT = 365 * 86_400.0


class Backoff(NamedTuple):
    """How long to wait before another try, in seconds."""

    duration: float = 0.0
    factor: int = 1
    cap: float | None = None

    def before(self, retry: int) -> float:
        """Seconds before the retry of that number, counting from 1."""
        seconds = self.duration * float(min(max(self.factor, 1), 1000)) ** min(retry - 1, 64)
        return min(seconds, _MAX_WAIT if self.cap is None else self.cap)


class Retry(NamedTuple):
    """A template's retryStrategy."""

    limit: int | None
    """How often to try again; None: without end."""
    policy: str = "OnFailure"
    """Always, OnFailure, OnError or OnTransientError."""
    selective: bool = False
    """True where the compiler's own expression has a say (`ogdc_shared.argo.retry`)."""
    backoff: Backoff = Backoff()


class InputArtifact(NamedTuple):
    """An object of the artifact store that a container finds at a path."""

    name: str
    path: str
    key: str
    """May hold tags."""
    unpacked: bool
    """True: a tar.gz whose content is at `path`, a directory."""
    optional: bool = False
    """Whether the container begins without it where it is not there."""


class OutputArtifact(NamedTuple):
    """A file of a container, or a directory of files, that goes to the artifact store as it is."""

    name: str
    path: str
    key: str
    """May hold tags."""
    optional: bool = False
    """Whether it need not be there; what is there is kept of a container that failed, too."""


class OutputParameter(NamedTuple):
    """A value that a container leaves in a file."""

    name: str
    path: str
    default: str | None = None
    """Where there is no such file; None: that is an error."""


class VolumeMount(NamedTuple):
    """A volume, or part of one, in a container."""

    volume: str
    path: str
    sub_path: str
    """Relative; empty for the whole volume. May hold tags."""
    read_only: bool


class PodTemplate(NamedTuple):
    """A template with a container."""

    name: str
    image: str
    argv: tuple[str, ...]
    """May hold tags."""
    env: Mapping[str, str]
    """May hold tags."""
    parameters: tuple[str, ...]
    """Names of the inputs that a task has to give."""
    defaults: Mapping[str, str]
    """Values of inputs that a task may leave out."""
    mounts: tuple[VolumeMount, ...]
    inputs: tuple[InputArtifact, ...]
    outputs: tuple[OutputArtifact, ...]
    output_parameters: tuple[OutputParameter, ...]
    retry: Retry | None
    deadline: int | None
    """Seconds one try may take."""
    limits: Limits = Limits()
    network: str = "inputs"
    """What it may use a network for: `none`, `inputs` or `commands` (see `RecipeFacts.network`)."""
    addresses: tuple[str, ...] = ()
    """What its commands may reach besides public addresses (see `RecipeFacts.addresses`)."""

    def is_mounted(self, path: str) -> bool:
        """Whether a path of the container is on one of its volumes, or in the /tmp that each has."""
        kept = ("/tmp", *(mount.path for mount in self.mounts))  # noqa: S108  the pod's own
        return path.startswith(tuple(f"{place}/" for place in kept))


class Task(NamedTuple):
    """A task of the DAG."""

    name: str
    template: str
    dependencies: tuple[str, ...]
    arguments: Mapping[str, str]
    """Values may hold tags."""
    sequence: tuple[str, str] | None = None
    """(start, count) of withSequence; both may hold tags."""
    numbers: str | None = None
    """withParam, a JSON list of whole numbers; may hold tags."""

    @property
    def fans_out(self) -> bool:
        """Whether it stands for any number of pods."""
        return self.sequence is not None or self.numbers is not None


class Ttl(NamedTuple):
    """How long a workflow is kept once it has ended, in seconds; None: for ever."""

    success: int | None = None
    failure: int | None = None


class Program(NamedTuple):
    """All that the engine does for one workflow."""

    name: str
    entrypoint: str
    tasks: tuple[Task, ...]
    """Each after those it depends on."""
    fail_fast: bool
    templates: Mapping[str, PodTemplate]
    secrets: Mapping[str, str]
    """Volume → the secret that it is."""
    labels: Mapping[str, str]
    """Those of its own that its templates may name."""
    claims: Mapping[str, str | None]
    """Volume name → claim name; None: an empty directory for each pod (emptyDir)."""
    parallelism: int | None
    deadline: int | None
    """Seconds the workflow may take."""
    ttl: Ttl
