"""Directories of pods: used again, and never with anything of the pod before."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_local.engine import pod_dirs as module
from ogdc_local.engine.pod_dirs import Berths
from support.trees import plant, tree

FRESH = {"argo": None, "message": b"", "tmp": None, "volumes": None, "volumes/scratch": None}


@pytest.fixture
def berths(tmp_path: Path) -> Berths:
    return Berths(tmp_path / "workflow")


def test_pods_at_the_same_time_have_berths_of_their_own(berths: Berths) -> None:
    assert berths.take("a") != berths.take("b")
    assert berths.of("a") != berths.of("b")


def test_a_berth_is_used_again_without_anything_of_the_pod_before(berths: Berths) -> None:
    berth = berths.take("a")
    plant(berth, FRESH)
    plant(berth, {"message": b"failed", "argo/progress": b"1/2", "tmp/.x/y": b"", "tmp/link": "/etc"})
    plant(berth, {"volumes/scratch/deep/er": b"", "volumes/scratch/out": "../../argo"})
    for directory in ("tmp", "volumes/scratch"):
        (berth / directory).chmod(0)
    berths.leave("a")
    assert berths.take("b") == berth
    assert tree(berth) == FRESH
    assert {oct((berth / name).stat().st_mode)[-3:] for name in ("argo", "tmp", "volumes/scratch")} == {"755"}


def test_a_berth_that_cannot_be_emptied_is_given_up(berths: Berths, monkeypatch: pytest.MonkeyPatch) -> None:
    berth = berths.take("a")

    def fail(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(module, "_empty", fail)
    berths.leave("a")
    assert berths.take("b") != berth
