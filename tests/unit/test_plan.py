"""Stored plans: earlier versions are read, and later ones are rejected with their version."""

from __future__ import annotations

import json

import pytest

from ogdc_shared.errors import UnsupportedError
from ogdc_shared.plan import PLAN_VERSION, Command, Partitioning, Plan, VolumeInput

PLAN = Plan(
    "seals",
    (Command("cp /input_dir/* /output_dir/", 3),),
    volumes=(VolumeInput("archive", "2020", "*.tif"),),
    partitioning=Partitioning(strategy="size", bytes=2**30),
    variables=(("YEAR", "2020"),),
    items=("*.tif",),
)
FIRST = {
    "recipe_id": "seals",
    "commands": [{"text": "cp /input_dir/* /output_dir/", "line": 1}],
    "per_file": False,
    "command_timeout": None,
}
"""What the first plans held."""


def test_a_plan_is_read_as_it_was_written() -> None:
    assert Plan.from_json(PLAN.to_json()) == PLAN
    assert json.loads(PLAN.to_json())["version"] == PLAN_VERSION


def test_a_plan_without_a_version_is_of_the_first() -> None:
    plan = Plan.from_json(json.dumps(FIRST))
    assert plan == Plan("seals", (Command("cp /input_dir/* /output_dir/", 1),), version=1)


def test_a_worker_that_is_older_than_the_plan_says_so() -> None:
    later = {"version": PLAN_VERSION + 1, "stages": ["of", "another", "form"]}
    with pytest.raises(UnsupportedError, match=r"but the worker is older.*OGDC_WORKER_IMAGE"):
        Plan.from_json(json.dumps(later))
