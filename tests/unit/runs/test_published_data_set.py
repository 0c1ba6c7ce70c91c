"""Whether a deployment publishes results by itself: as its operator says, and never for ever by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_shared.config import PublicationSettings, Settings
from ogdc_shared.dataone.words import Words
from ogdc_shared.errors import ConfigurationError, UnsupportedError
from ogdc_shared.recipe.recipe import Recipe, load_recipe
from ogdc_shared.runs.publication import published_data_set
from support.publications import GIVEN, METADATA
from support.recipes import make_recipe

TEST, PRODUCTION = "https://test.example.org/mn", "https://example.org/mn"


def recipe_in(directory: Path, **changed: object) -> Recipe:
    output = {"type": "dataone", "license": "CC-BY-4.0", "dataone_id": "TODO"}
    return load_recipe(make_recipe(directory, **{"output": output, "metadata": METADATA} | changed))


def deployment(
    node: str | None, nodes: str | None = None, *, secret: str | None = "t", mode: str = "authenticated"
) -> Settings:
    return Settings(
        access_mode=mode,
        dataone_node_url=node,
        publication=PublicationSettings(secret=secret, nodes=nodes),
    )


@pytest.mark.parametrize(
    ("settings", "node"),
    [
        (deployment(TEST), TEST),
        (deployment(TEST, "production"), TEST),
        (deployment(PRODUCTION, "production"), PRODUCTION),
        (deployment("http://127.0.0.1:8/mn", "test", mode="open"), "http://127.0.0.1:8/mn"),
    ],
)
def test_cases_in_which_a_run_publishes_a_data_set(settings: Settings, node: str, tmp_path: Path) -> None:
    found = published_data_set(recipe_in(tmp_path), settings)
    assert found is not None
    assert found.node == node
    words = Words.from_json(found.words)
    assert (words.metadata.title, words.license) == (METADATA["title"], "CC-BY-4.0")


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        (deployment(None), "DATAONE_NODE_URL and OGDC_DATAONE_SECRET"),
        (deployment(TEST, secret=None), "DATAONE_NODE_URL and OGDC_DATAONE_SECRET"),
        (deployment(TEST, "no"), "OGDC_DATAONE_PUBLISH=test"),
        (deployment(TEST, mode="open"), "OGDC_DATAONE_PUBLISH=test"),
        (deployment(PRODUCTION), "OGDC_DATAONE_PUBLISH=production"),
        (deployment(PRODUCTION, "test"), "OGDC_DATAONE_PUBLISH=production"),
    ],
)
def test_cases_in_which_publishing_a_data_set_is_rejected(
    settings: Settings, setting: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedError, match=f"publishes nothing by itself.*{setting}"):
        published_data_set(recipe_in(tmp_path), settings)


def test_an_unsafe_node_url_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="DATAONE_NODE_URL"):
        published_data_set(recipe_in(tmp_path), deployment("http://test.example.org/mn"))


def test_missing_metadata_are_reported_at_submission(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"no `output\.license`"):
        published_data_set(recipe_in(tmp_path / "a", output={"type": "dataone"}), deployment(TEST))
    own = {"eml": "own.xml"}
    files = {"own.xml": GIVEN.format(rights="", methods="")}
    found = published_data_set(recipe_in(tmp_path / "b", metadata=own, files=files), deployment(TEST))
    assert found is not None
    words = Words.from_json(found.words)
    assert words.metadata.title == "By hand"
    assert "<title>By hand</title>" in str(words.eml)
