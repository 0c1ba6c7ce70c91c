"""Directories of pods: used again, and never with anything of the pod before."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_local.engine import pod_dirs as module
from ogdc_local.engine.pod_dirs import PodDirs
from support.trees import plant, tree

FRESH = {"argo": None, "message": b"", "tmp": None, "volumes": None, "volumes/scratch": None}


@pytest.fixture
def pod_dirs(tmp_path: Path) -> PodDirs:
    return PodDirs(tmp_path / "workflow")


def test_pods_at_the_same_time_have_berths_of_their_own(pod_dirs: PodDirs) -> None:
    assert pod_dirs.take("a") != pod_dirs.take("b")
    assert pod_dirs.of("a") != pod_dirs.of("b")


def test_a_berth_is_used_again_without_anything_of_the_pod_before(pod_dirs: PodDirs) -> None:
    pod_dir = pod_dirs.take("a")
    plant(pod_dir, FRESH)
    plant(pod_dir, {"message": b"failed", "argo/progress": b"1/2", "tmp/.x/y": b"", "tmp/link": "/etc"})
    plant(pod_dir, {"volumes/scratch/deep/er": b"", "volumes/scratch/out": "../../argo"})
    for directory in ("tmp", "volumes/scratch"):
        (pod_dir / directory).chmod(0)
    pod_dirs.leave("a")
    assert pod_dirs.take("b") == pod_dir
    assert tree(pod_dir) == FRESH
    assert {oct((pod_dir / name).stat().st_mode)[-3:] for name in ("argo", "tmp", "volumes/scratch")} == {
        "755"
    }


def test_a_berth_that_cannot_be_emptied_is_given_up(
    pod_dirs: PodDirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod_dir = pod_dirs.take("a")

    def fail(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(module, "_empty", fail)
    pod_dirs.leave("a")
    assert pod_dirs.take("b") != pod_dir
