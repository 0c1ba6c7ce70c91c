"""Recipe facts in, workflow manifest out, compared as data with the committed YAML.

`python tests/golden/test_workflow_manifests.py` writes the files anew; read the difference first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hera.workflows.models import Workflow

from ogdc_shared.config import ArgoSettings, PublicationSettings, Settings, WorkerSettings
from ogdc_shared.workflow.build import build_workflow
from ogdc_shared.workflow.facts import RecipeFacts, Stage

GOLDEN = Path(__file__).parent / "workflows"
SNAPSHOT = "5f" * 32
PLAN = "91" * 32
ROOT = "07" * 32
# The version of this project changes, the manifests need not.
DEFAULTS = Settings(worker=WorkerSettings(image="ghcr.io/qgreenland-net/ogdc-worker:1.0.0"))
OPERATOR = Settings(
    argo=ArgoSettings(namespace="ogdc", service_account="runner", retry_limit=5, retry_policy="OnError"),
    worker=WorkerSettings(
        image="registry.example/worker:1.0",
        image_pull_policy="Always",
        volume_claim="workflows",
        cpu="500m",
        memory="1Gi",
        scratch="5Gi",
        timeout=3600,
        max_parallelism=20,
    ),
    temporary_output_days=3,
)

CASES: dict[str, dict[str, Any]] = {
    "reusing": {
        "name": "lakes-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="lakes",
            snapshot=SNAPSHOT,
            plan=PLAN,
            partitions_digest=ROOT,
            per_pack=100,
            reuse="5c" * 16,
            reuse_label="1a" * 16,
            takes=True,
            unended=("lakes-zzzzzzzzzz",),
        ),
        "partitions": 1000,
        "settings": DEFAULTS,
    },
    "reusing-volumes": {
        "name": "lakes-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="lakes",
            snapshot=SNAPSHOT,
            plan=PLAN,
            claims=("scenes",),
            reuse="5c" * 16,
            reuse_label="1a" * 16,
            takes=True,
        ),
        "partitions": None,
        "settings": DEFAULTS,
    },
    "sequential-pvc": {
        "name": "stations-abcdefghij",
        "recipe": RecipeFacts(recipe_id="stations", snapshot=SNAPSHOT, plan=PLAN, partitions_digest=ROOT),
        "partitions": 1,
        "settings": DEFAULTS,
    },
    "sequential-temporary": {
        "name": "sea-ice-2020-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="sea-ice.2020", snapshot=SNAPSHOT, plan=PLAN, partitions_digest=ROOT, output="temporary"
        ),
        "partitions": 1,
        "settings": DEFAULTS,
    },
    "own-resources-overwrite": {
        "name": "mosaic-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="mosaic",
            snapshot=SNAPSHOT,
            plan=PLAN,
            partitions_digest=ROOT,
            cpu="4",
            memory="16Gi",
            scratch="100Gi",
            timeout=7200,
            retries=0,
        ),
        "partitions": 1,
        "settings": DEFAULTS,
        "overwrite": True,
    },
    "seven-partitions": {
        "name": "tiles-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="tiles",
            snapshot=SNAPSHOT,
            plan=PLAN,
            partitions_digest=ROOT,
            max_parallelism=3,
            fail_fast=False,
        ),
        "partitions": 7,
        "settings": DEFAULTS,
    },
    "ten-thousand-partitions": {
        "name": "tiles-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="tiles",
            snapshot=SNAPSHOT,
            plan=PLAN,
            partitions_digest=ROOT,
            per_pack=100,
            output="temporary",
            retries=2,
            max_parallelism=50,
        ),
        "partitions": 10_000,
        "settings": OPERATOR,
    },
    "two-stages": {
        "name": "tiles-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="tiles",
            snapshot=SNAPSHOT,
            plan=PLAN,
            partitions_digest=ROOT,
            memory="4Gi",
            later=(
                Stage("mosaic", plan="92" * 32, before="process", memory="8Gi"),
                Stage(
                    "overviews", plan="93" * 32, before="mosaic", image="registry.example/tiles:2.0", cpu="2"
                ),
            ),
        ),
        "partitions": 7,
        "settings": DEFAULTS,
    },
    "visualization": {
        "name": "ice-basins-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="ice-basins",
            snapshot=SNAPSHOT,
            plan=PLAN,
            partitions_digest=ROOT,
            image="ghcr.io/qgreenland-net/ogdc-worker-visualization:1.0.0",
            cpu="1",
            memory="2Gi",
            later=tuple(
                Stage(
                    stage,
                    plan=plan * 32,
                    before=before,
                    reads=reads,
                    image="ghcr.io/qgreenland-net/ogdc-worker-visualization:1.0.0",
                    cpu="1",
                    memory=memory,
                    has_results=stage != "top",
                )
                for stage, plan, before, reads, memory in (
                    ("build", "92", "process", (), "4Gi"),
                    ("paint", "93", "build", ("build",), "2Gi"),
                    ("top", "94", "build", ("build", "paint"), "4Gi"),
                )
            ),
            max_parallelism=5,
        ),
        "partitions": 3,
        "settings": DEFAULTS,
    },
    "reusing-map": {
        "name": "ice-basins-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="ice-basins",
            snapshot=SNAPSHOT,
            plan=PLAN,
            partitions_digest=ROOT,
            per_pack=100,
            image="ghcr.io/qgreenland-net/ogdc-worker-visualization:1.0.0",
            later=(
                Stage("build", plan="92" * 32, before="process", has_results=True),
                Stage("top", plan="94" * 32, before="build", reads=("build",)),
            ),
            reuse="5c" * 16,
            reuse_label="1a" * 16,
            takes=True,
        ),
        "partitions": 3,
        "settings": DEFAULTS,
    },
    "logins": {
        "name": "stations-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="stations",
            snapshot=SNAPSHOT,
            plan=PLAN,
            partitions_digest=ROOT,
            secrets=("earthdata",),
            later=(Stage("mosaic", plan="92" * 32, before="process"),),
        ),
        "partitions": 1,
        "settings": OPERATOR._replace(worker=OPERATOR.worker._replace(credentials_secret="input-logins")),
    },
    "data-set": {
        "name": "stations-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="stations",
            snapshot=SNAPSHOT,
            output="dataone",
            node="https://test.example.org/metacat/d1/mn",
            data_set="95" * 32,
            plan=PLAN,
            partitions_digest=ROOT,
        ),
        "partitions": 1,
        "settings": DEFAULTS._replace(publication=PublicationSettings(secret="dataone-token")),
    },
    "volumes": {
        "name": "tiles-abcdefghij",
        "recipe": RecipeFacts(
            recipe_id="tiles",
            snapshot=SNAPSHOT,
            plan=PLAN,
            max_parallelism=3,
            claims=("archive", "workflows"),
        ),
        "partitions": None,
        "settings": OPERATOR,
    },
}


@pytest.mark.parametrize("case", CASES)
def test_compiled_manifest_equals_the_committed_one(case: str) -> None:
    assert build_workflow(**CASES[case]) == yaml.safe_load((GOLDEN / f"{case}.yaml").read_text())


@pytest.mark.parametrize("case", CASES)
def test_committed_manifest_is_a_valid_argo_workflow(case: str) -> None:
    manifest = yaml.safe_load((GOLDEN / f"{case}.yaml").read_text())
    workflow = Workflow.model_validate(manifest)
    assert workflow.model_dump(mode="json", by_alias=True, exclude_none=True) == manifest


def test_every_committed_manifest_belongs_to_a_case() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == set(CASES)


def _write_all() -> None:
    for case, arguments in CASES.items():
        text = yaml.safe_dump(build_workflow(**arguments), sort_keys=False, width=110)
        (GOLDEN / f"{case}.yaml").write_text(text)


if __name__ == "__main__":
    _write_all()
