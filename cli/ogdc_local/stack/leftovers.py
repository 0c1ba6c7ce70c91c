"""Removing data of runs on the stack's volume that nothing can resume from."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ogdc_local.sandbox.interpreter import worker_command
from ogdc_shared import layout
from ogdc_shared.removal import remove


def discard(volume: Path, run: str) -> None:
    """Remove what a run left that can no longer be resumed; published data stay.

    Raises:
        OSError: something cannot be removed.
    """
    for place in (layout.workspace(run), layout.staging(run), layout.replaced(run)):
        remove(volume / place)
    for stage in (volume / layout.WORKSPACES).glob(f"{run}.*"):
        remove(stage)


def tidy(volume: Path, *, retry_days: int, reuse_days: int = 30, reuse_size: str = "20Gi") -> None:
    """Run the worker's `tidy`, as a CronWorkflow does in a deployment.

    It runs in a process of its own, because it may take long; its output goes to the stack's log.

    Raises:
        CalledProcessError: something cannot be removed; the worker has logged it.
        OSError: it cannot be started.
    """
    reuse = ("--reuse-days", str(reuse_days), "--reuse-bytes", reuse_size)
    command = worker_command(("tidy", "--volume", str(volume), "--retry-days", str(retry_days), *reuse))
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
