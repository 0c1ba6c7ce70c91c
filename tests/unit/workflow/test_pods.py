"""What a pod needs in addition to the resources of its recipe."""

from __future__ import annotations

import json

import pytest

from ogdc_shared.config import Settings
from ogdc_shared.workflow.build import build_workflow
from ogdc_shared.workflow.facts import RecipeFacts
from ogdc_shared.workflow.pods import pod_disk


def templates() -> list[dict]:
    recipe = RecipeFacts(recipe_id="ice", snapshot="ab" * 32, scratch="100Mi")
    manifest = build_workflow(name="ice-abcdefghij", recipe=recipe, partitions=1, settings=Settings())
    assert json.loads(manifest["spec"]["podSpecPatch"]) == {"enableServiceLinks": False}
    return [template for template in manifest["spec"]["templates"] if "container" in template]


@pytest.mark.parametrize(
    ("scratch", "disk"), [("100Mi", "1124Mi"), ("10Gi", "11264Mi"), ("1", "1025Mi"), ("1.5G", "2455Mi")]
)
def test_ephemeral_storage_includes_space_for_the_executor(scratch: str, disk: str) -> None:
    assert pod_disk(scratch) == disk


def test_commands_have_their_scratch_and_no_more() -> None:
    for template in templates():
        assert template["container"]["resources"]["limits"]["ephemeral-storage"] == "1124Mi"
        assert template["container"]["volumeMounts"][0]["name"] == "scratch"
