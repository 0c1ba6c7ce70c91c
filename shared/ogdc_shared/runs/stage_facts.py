"""The inputs for compiling a run's stages, besides its recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ogdc_shared.plan import Partitioning


class RunFacts(NamedTuple):
    """What is known of a run beside its recipe."""

    partitioning: Partitioning
    """Of the recipe's inputs."""
    digest: str
    """Of the recipe's own files (see `digests.files_digest`)."""
    variables: tuple[tuple[str, str], ...] = ()
    """Names and values that commands are given."""
    cache: bool = True
    """Whether inputs that were fetched before may be used."""
    at_once: int = 1
    """Most tasks that may run at the same time."""


class Needs(NamedTuple):
    """What the tasks of a stage need beside their plan; what is None is the deployment's."""

    image: str | None = None
    cpu: str | None = None
    memory: str | None = None
    has_results: bool = False
    """See `workflow.facts.Stage`."""
