"""Kubernetes' and Argo's words become those of meta.yml."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.argo.explanations import Limits, ended_by, is_cut_off, read_limits, waits_for
from ogdc_shared.config import Settings
from ogdc_shared.workflow.build import build_workflow
from ogdc_shared.workflow.facts import RecipeFacts

LIMITS = Limits(timeout=600, memory="2Gi", scratch="100Mi")
JARGON = ("OOMKilled", "EmptyDir", "ephemeral", "deadline", "strategy", "Unschedulable", "ImagePull", "Pod ")


@pytest.mark.parametrize(
    ("message", "key", "limit"),
    [
        ("main: OOMKilled (exit code 137)", "workflow.resources.memory", "2Gi"),
        ("main: OOMKilled (exit code 1): command 2 of 3 failed with exit code 1: gdalwarp", "memory", "2Gi"),
        ('Usage of EmptyDir volume "scratch" exceeds the limit "100Mi". ', "resources.scratch", "100Mi"),
        ("Step exceeded its deadline", "workflow.timeout", "600 s"),
        ("Pod was active on the node longer than the specified deadline", "workflow.timeout", "600 s"),
        ("Workflow exceeded its deadline of 600 s", "workflow.timeout", "600 s"),
    ],
)
def test_a_limit_is_reported_with_its_key_and_value(message: str, key: str, limit: str) -> None:
    words = ended_by(message, LIMITS, "1/3")

    assert key in words
    assert limit in words
    assert not any(word in words for word in JARGON)


def test_a_timeout_is_reported_with_the_current_command() -> None:
    message = (
        "Step exceeded its deadline: The task was stopped from outside, at command 2 of 3: gdalwarp a b."
    )
    assert ended_by(message, LIMITS, "1/3") == (
        "The run took longer than it may (600 s) and was stopped at command 2 of 3: gdalwarp a b. "
        "Give it more time with workflow.timeout in meta.yml."
    )


def test_a_message_of_the_worker_is_not_repeated() -> None:
    message = "command 1 of 2 was killed; workflow.resources.memory asks for more"

    assert ended_by(f"main: OOMKilled (exit code 137): {message}", LIMITS) == message
    assert ended_by("main: OOMKilled (exit code 1): command 1 of 2 failed", LIMITS).startswith(
        "command 1 of 2 failed"
    )


@pytest.mark.parametrize(
    ("rest", "where"),
    [("", ""), (": It was at command 1 of 2: kill -9 $PPID", " at command 1 of 2: kill -9 $PPID")],
)
def test_a_killed_worker_is_reported(rest: str, where: str) -> None:
    words = ended_by(f"main: Error (exit code 137){rest}", LIMITS)

    assert words.startswith(f"The task's worker was killed (SIGKILL){where} — by one of the recipe's own")
    assert "memory" in words


@pytest.mark.parametrize("container", ["init", "wait"])
def test_errors_of_argos_own_containers_do_not_blame_the_recipe(container: str) -> None:
    refused = 'Post "https://10.96.0.1:443/apis": dial tcp 10.96.0.1:443: connect: connection refused'

    words = ended_by(f"{container}: Error (exit code 64): {refused}", LIMITS)

    assert words.startswith(f"Argo's own part of the task failed, not the recipe: {refused} — Try again")


@pytest.mark.parametrize(
    "eviction",
    [
        'Container main exceeded its local ephemeral storage limit "1124Mi". ',
        "Pod ephemeral local storage usage exceeds the total limit of containers 1124Mi. ",
    ],
)
def test_an_endless_log_is_not_reported_as_scratch_space(eviction: str) -> None:
    words = ended_by(eviction, LIMITS, "1/3")

    assert "most likely to its log when 1/3 of its work was done" in words
    assert "workflow.resources.scratch" not in words
    assert not any(word in words for word in JARGON)


def test_progress_before_a_full_disk_is_reported() -> None:
    assert "when 1/3 of its work was done" in ended_by("Usage of EmptyDir volume …", LIMITS, "1/3")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "ImagePullBackOff: Back-off pulling image x",
            "its image cannot be pulled: Back-off pulling image x",
        ),
        ("ErrImageNeverPull", "its image cannot be pulled"),
        ("InvalidImageName: couldn't parse", "its image cannot be pulled: couldn't parse"),
        (
            "Unschedulable: 0/1 nodes are available: 1 Insufficient memory.",
            "no node has room for it now: 0/1 nodes are available: 1 Insufficient memory.",
        ),
        (
            "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
            "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
            "no node has room for it now: 0/1 nodes are available: 1 Insufficient cpu",
        ),
        (
            "Unschedulable: pod has unbound immediate PersistentVolumeClaims",
            "a volume that it needs is not there or not bound: "
            "pod has unbound immediate PersistentVolumeClaims",
        ),
        (
            'pods "x" is forbidden: exceeded quota: q, requested: pods=1',
            'the namespace\'s quota is used up: pods "x" is forbidden: exceeded quota: q, requested: pods=1',
        ),
        ("CreateContainerConfigError: secret not found", "its container cannot be made: secret not found"),
        ("ContainerCreating", None),
        ("PodInitializing", None),
        (None, None),
    ],
)
def test_the_reason_why_a_task_waits_is_reported(message: str | None, words: str | None) -> None:
    assert waits_for(message) == words


@given(st.text(max_size=600))
def test_any_message_can_be_read(message: str) -> None:
    assert isinstance(ended_by(message, Limits()), str)
    assert len(waits_for(message) or "") <= 500
    assert is_cut_off(message) in {True, False}


def test_limits_are_read_from_what_is_compiled() -> None:
    recipe = RecipeFacts(recipe_id="ice", snapshot="ab" * 32, scratch="100Mi", memory="2Gi", timeout=600)
    spec = build_workflow(name="ice-abcdefghij", recipe=recipe, partitions=1, settings=Settings())["spec"]

    assert read_limits(spec) == LIMITS
    assert read_limits({"templates": [None, {"name": "process", "container": 1}], "volumes": {}}) == Limits()
