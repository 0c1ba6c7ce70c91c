"""Running commands, measured ones and preparatory ones."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

RUNNER = str(Path(sys.executable).with_name("ogdc-runner"))


class CommandError(Exception):
    """A command failed."""


def seconds(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Return how long a command takes, from asking for it to its end."""
    start = time.perf_counter()
    call(command, environ)
    return time.perf_counter() - start


def call(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return what a command prints.

    Raises:
        CommandError: it failed.
    """
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CommandError(f"{' '.join(command)}: exit code {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
