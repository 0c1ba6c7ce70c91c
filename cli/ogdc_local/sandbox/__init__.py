"""Sandboxes for tasks on this machine: bubblewrap, docker, podman or (only on request) none.

`probe` chooses the backend once; the engine then starts every task with it.
"""

from ogdc_local.sandbox.base import Container, Exit, Mount, RunningTask, Sandbox
from ogdc_local.sandbox.container_sequence import ContainerSequence
from ogdc_local.sandbox.probe import probe

__all__ = ["Container", "ContainerSequence", "Exit", "Mount", "RunningTask", "Sandbox", "probe"]
