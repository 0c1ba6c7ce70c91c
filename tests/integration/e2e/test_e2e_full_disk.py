"""A full disk and a killed stack, together, lose no run and leave a stack that works."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.effort import THOROUGH
from support.recipes import make_own_recipe
from support.stack import Stack


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 220 MB: PostgreSQL and what is kept back take a good half."""
    place = tmp_path_factory.mktemp("d")
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=220m", "none", place], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs root and mount")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def recipe(directory: Path, name: str, command: str) -> str:
    return str(make_own_recipe(directory, command, name=name, output="pvc", retries=0))


@pytest.mark.slow
def test_runs_that_fill_the_disk_fail_without_other_loss_despite_kills(
    small_disk: Path, tmp_path: Path
) -> None:
    filling = "head -c 400M /dev/zero > /output_dir/z"
    fill = recipe(tmp_path / "fill", "fill", filling)
    anew = recipe(tmp_path / "anew", "anew", filling)
    again = recipe(tmp_path / "again", "again", f"while :; do {filling} || sleep 0.1; done")
    plain = recipe(tmp_path / "plain", "plain", "cp /input_dir/words.txt /output_dir/")
    chance = random.Random(4)
    with Stack(small_disk) as stack:
        full = stack.cli("run", fill, cwd=tmp_path, timeout=60)
        assert full.code == 1
        assert f"No room is left on the disk of {stack.paths.root}" in full.err
        names = []
        for command in (fill, again, anew) if THOROUGH else (again,):
            names.append(stack.cli("submit", command, "--json", cwd=tmp_path).json()["name"])
            time.sleep(chance.uniform(0.0, 1.5))
            os.kill(stack.pid, signal.SIGKILL)
            stack.up()
        for name in names:
            run = stack.wait(name)
            assert run["status"] == "Failed", run
            assert "o room is left" in run["message"], run
        assert stack.cli("run", plain, cwd=tmp_path).code == 0
        assert stack.paths.reserve.exists()
