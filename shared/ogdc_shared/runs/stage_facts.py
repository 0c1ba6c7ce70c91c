"""The inputs for compiling a run's stages, in addition to its recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ogdc_shared.plan import Partitioning


class RunFacts(NamedTuple):
    """Facts about a run in addition to its recipe."""

    partitioning: Partitioning
    """How to partition the recipe's inputs."""
    digest: str
    """Digest of the recipe's own files (see `digests.files_digest`)."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of its commands."""
    cache: bool = True
    """Whether to use the cache of inputs."""
    at_once: int = 1
    """Maximum number of concurrent tasks."""


class Needs(NamedTuple):
    """What the tasks of a stage need besides their plan; None means the deployment's default."""

    image: str | None = None
    cpu: str | None = None
    memory: str | None = None
    has_results: bool = False
    """See `workflow.facts.Stage`."""
