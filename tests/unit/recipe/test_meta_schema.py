from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from ogdc_shared.recipe.meta import load_meta
from ogdc_shared.recipe.schema import json_schema, render
from support.recipes import AS_TODAY, good_meta, inputs

ROOT = Path(__file__).parents[3]

validator = Draft202012Validator(json_schema())


def test_the_published_schema_is_current() -> None:
    assert (ROOT / "docs" / "meta.schema.json").read_text() == render(), (
        "renew it: python -m ogdc_shared.recipe.schema > docs/meta.schema.json"
    )


def test_the_schema_is_a_valid_json_schema() -> None:
    assert json_schema()["properties"].keys() >= {"name", "workflow", "input", "output"}
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("files", AS_TODAY.values(), ids=AS_TODAY.keys())
def test_recipes_as_people_write_them_today_follow_the_schema(files: dict[str, str]) -> None:
    validator.validate(yaml.safe_load(files["meta.yml"]))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "examples").glob("*/meta.yml")), ids=lambda p: p.parent.name
)
def test_our_examples_follow_the_schema(path: Path) -> None:
    validator.validate(load_meta(path))


@pytest.mark.parametrize(
    "changes",
    [
        {"output": None},
        {"output": {}},
        {"output": {"type": "temporary"}},
        {"output": {"dataone_id": "doi:10.5072/x"}},
        {"workflow": {"timeout": "1h30m", "retries": 3, "resources": {"cpu": 0.5, "memory": "2Gi"}}},
        {"workflow": {"timeout": 3600, "parallel": {"enabled": True, "partition_size": 3}}},
        {"input": inputs({"type": "file", "path": "a.csv"}, {"type": "url_list", "file": "b.txt"})},
    ],
)
def test_what_loads_follows_the_schema(changes: dict[str, Any]) -> None:
    validator.validate(good_meta(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None},
        {"name": "a_b"},
        {"extra": 1},
        {"workflow": {"type": "shel"}},
        {"workflow": {"timeout": 0}},
        {"workflow": {"timeout": ""}},
        {"workflow": {"timeout": "2 h"}},
        {"workflow": {"retries": -1}},
        {"workflow": {"resources": {"memory": 4}}},
        {"workflow": {"resources": {"memory": "4GB"}}},
        {"workflow": {"resources": {"cpu": 0}}},
        {"workflow": {"parallel": {"max_parallelism": 0}}},
        {"input": inputs()},
        {"input": inputs({"type": "url"})},
        {"input": inputs({"value": "https://example.org"})},
        {"output": {"type": "s3"}},
        {"output": {"type": "temporary", "dataone_id": "x"}},
    ],
)
def test_what_does_not_load_does_not_follow_the_schema(changes: dict[str, Any]) -> None:
    assert not validator.is_valid(good_meta(**changes))


def test_an_editor_can_show_what_a_key_means() -> None:
    definitions = json.loads(render())["$defs"]
    assert definitions["UrlListInput"]["properties"]["file"]["description"].startswith(
        "A text file with one URL"
    )
