"""What a recipe of tiles for maps compiles to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ogdc_cli.commands.recipes import validate
from ogdc_cli.recipes import mermaid
from ogdc_shared import extras
from ogdc_shared.config import Settings
from ogdc_shared.errors import ConfigurationError, InvalidRecipeError, UnsupportedError
from ogdc_shared.plan import Partitioning, Plan
from ogdc_shared.recipe.recipe import Recipe, load_recipe
from ogdc_shared.runs.recipe_types import check_type, needs, plans
from ogdc_shared.runs.stage_facts import RunFacts
from support.recipes import make_recipe

PARALLEL = Partitioning(strategy="files", size=10, tasks=100, most=10_000, pack=100)


def recipe(tmp_path: Path, **workflow: Any) -> Recipe:
    return load_recipe(make_recipe(tmp_path, workflow={"type": "visualization"} | workflow))


def made(recipe: Recipe, partitioning: Partitioning = PARALLEL) -> tuple[Plan, ...]:
    return plans(recipe, RunFacts(partitioning, digest="d" * 64, at_once=5))


KNOWN = '{"statistics": [{"name": "coverage", "val_range": [0, 1]}]}'


@pytest.mark.parametrize(
    ("config", "paints", "waits"),
    [("{}", True, False), ('{"enable_pmtiles": true}', True, True), (KNOWN, False, False)],
)
def test_stages_use_outputs_of_earlier_stages(tmp_path: Path, config: str, paints: bool, waits: bool) -> None:
    (tmp_path / "c.json").write_text(config)
    found = made(recipe(tmp_path, config_file="c.json"))
    stages = [
        ("process", None, False, ()),
        ("build", "process", False, ()),
        *([("paint", "build", True, ("build",))] if paints else []),
        ("top", "build", True, ("build", "paint") if waits else ("build",)),
    ]
    assert [(plan.stage, plan.before, plan.by_key, plan.reads) for plan in found] == stages
    assert [plan.stage for plan in found if plan.shares] == ["build"]
    verbs = ["scatter", *(stage for stage, *_ in stages[1:])]
    assert [plan.commands[0].text for plan in found] == [f"ogdc-visualization {verb}" for verb in verbs]
    assert all(plan.own and not plan.checks and ("CONFIG_FILE", "c.json") in plan.variables for plan in found)
    assert all(Plan.from_json(plan.to_json()) == plan for plan in found)


def test_blocks_are_shared_among_a_bounded_number_of_tasks(tmp_path: Path) -> None:
    files, blocks, painted, whole = (plan.partitioning for plan in made(recipe(tmp_path)))
    assert (files.strategy, files.size) == ("files", 10)
    assert blocks == PARALLEL._replace(strategy="files", size=1, bytes=4096, tasks=10)
    assert painted == PARALLEL._replace(strategy="size", size=None, tasks=9)
    assert not whole.divides


def test_each_stage_of_a_sequential_recipe_has_one_task(tmp_path: Path) -> None:
    found = made(recipe(tmp_path), Partitioning())
    assert [plan.partitioning.divides for plan in found] == [False] * 4


def test_resources_of_a_stage_come_from_the_recipe_or_the_deployment(tmp_path: Path) -> None:
    meta = recipe(tmp_path, resources={"memory": "16Gi"}).meta
    environ = {
        "OGDC_VISUALIZATION_IMAGE": "registry.example/tiles:1",
        "OGDC_VISUALIZATION_RESOURCES": '{"build": {"cpu": 3, "memory": "8Gi"}}',
    }
    settings = Settings.from_env(environ)
    assert needs(meta, "build", settings) == ("registry.example/tiles:1", "3", "16Gi", True)
    assert needs(meta, "paint", settings)[1:] == ("1", "16Gi", True)
    assert needs(meta, "top", settings)[1:] == ("1", "16Gi", False)
    assert needs(recipe(tmp_path).meta, "paint", settings).memory == "2Gi"
    assert str(needs(meta, "process", Settings()).image).startswith(
        "ghcr.io/qgreenland-net/ogdc-worker-visualization:"
    )


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"built": {}}', '{"build": {"cpu": "much"}}', '{"top": {"disk": "1Gi"}}']
)
def test_resources_that_cannot_be_given_are_refused_when_a_service_starts(text: str) -> None:
    with pytest.raises(ConfigurationError, match="OGDC_VISUALIZATION_RESOURCES"):
        Settings.from_env({"OGDC_VISUALIZATION_RESOURCES": text})


def test_without_the_extra_a_recipe_is_refused_with_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = recipe(tmp_path).meta
    here = Settings.from_env({"OGDC_VISUALIZATION_WITHOUT_IMAGE": "true"})
    check_type(meta, here)
    monkeypatch.setattr(extras, "missing_packages", lambda _extra: ["rasterio"])
    check_type(meta, Settings())
    with pytest.raises(
        UnsupportedError, match=r"\(rasterio\)\. Install them: .*ogdc-runner\[visualization\]"
    ):
        check_type(meta, here)


def test_keys_about_commands_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipeError) as caught:
        recipe(tmp_path, checks=False, parallel={"items": "*.shp", "allowed_failures": 3})
    assert caught.value.problems == tuple(
        f"meta.yml: workflow.{key}: is for `type: shell`; remove it."
        for key in ("checks", "parallel.allowed_failures", "parallel.items")
    )


def test_requirements_of_an_extra_are_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [
        'numpy>=2 ; extra == "map"',
        "no-such-package>=1 ; extra == 'map'",
        "other-thing ; extra == 'x'",
    ]
    monkeypatch.setattr("importlib.metadata.requires", lambda _name: wanted)
    assert extras.missing_packages("map") == ["no-such-package"]


def test_validate_counts_the_stages_of_a_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    validate(str(recipe(tmp_path).directory))
    assert "is valid (seal-tags, 4 stages)" in capsys.readouterr().out


def test_a_graph_shows_the_stages(tmp_path: Path) -> None:
    lines = mermaid(recipe(tmp_path, parallel={"enabled": True})).splitlines()
    shown = [line for line in lines if "ogdc-visualization" in line]
    assert [line.split()[-1].rstrip('"]') for line in shown] == ["scatter", "build", "paint", "top"]
    assert not any("subgraph" in line for line in lines)
