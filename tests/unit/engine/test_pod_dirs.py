"""Directories of pods: used again, and never with anything of the pod before."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_local.engine import pod_dirs as module
from ogdc_local.engine.flow import Flow
from ogdc_local.engine.manifest import read_program
from ogdc_local.engine.pod_dirs import PodDirs
from ogdc_local.engine.pods import Pods
from ogdc_local.engine.records import WorkflowRow
from ogdc_shared.storage.directory import DirectoryStore
from support.engine import shell, task, workflow
from support.trees import plant, tree

FRESH = {"argo": None, "message": b"", "tmp": None, "volumes": None, "volumes/scratch": None}


@pytest.fixture
def pod_dirs(tmp_path: Path) -> PodDirs:
    return PodDirs(tmp_path / "workflow")


def test_concurrent_pods_have_separate_directories(pod_dirs: PodDirs) -> None:
    assert pod_dirs.take("a") != pod_dirs.take("b")
    assert pod_dirs.of("a") != pod_dirs.of("b")


def test_a_reused_directory_has_no_files_of_the_previous_pod(pod_dirs: PodDirs) -> None:
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


def test_a_directory_that_cannot_be_emptied_is_not_reused(
    pod_dirs: PodDirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod_dir = pod_dirs.take("a")

    def fail(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(module, "_empty", fail)
    pod_dirs.leave("a")
    assert pod_dirs.take("b") != pod_dir


def test_a_cancelled_start_releases_its_own_directory_only(tmp_path: Path) -> None:
    program = read_program(
        workflow("w", tasks=[task("a")], templates=[shell("a", "true")]), claims={"workflow"}
    )
    flow = Flow(program, uid="u", namespace="ns", head=WorkflowRow("Pending"), nodes=(), now=0)
    attempt = flow.take(0)
    assert attempt is not None
    pods = Pods(
        store=DirectoryStore(tmp_path / "artifacts"),
        volumes={"workflow": tmp_path / "volume"},
        log_dir=tmp_path / "logs",
        log_limit=1000,
        scratch=tmp_path / "scratch",
        owner=None,
    )
    first = pods.prepare(program, attempt)
    first.output.release()
    first.output.finish()
    pods.finished("w")
    again = pods.prepare(program, attempt)
    again.output.release()
    plant(again.scratch, {"begun": b""})
    first.leave()
    assert tree(again.scratch) == {"begun": b""}
    again.leave()
    assert tree(again.scratch) == {}
