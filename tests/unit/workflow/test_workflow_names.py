from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.workflow.names import is_workflow_name, workflow_name

LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
RECIPE_IDS = st.from_regex(rf"{LABEL}(\.{LABEL})*", fullmatch=True).map(lambda text: text[:63].rstrip("-."))


@given(RECIPE_IDS)
def test_name_is_a_dns_label_of_at_most_63_characters(recipe_id: str) -> None:
    name = workflow_name(recipe_id)
    assert len(name) <= 63
    assert re.fullmatch(LABEL, name)
    assert is_workflow_name(name)


@pytest.mark.parametrize(
    ("recipe_id", "slug"),
    [
        ("sea-ice", "sea-ice"),
        ("sea-ice.2020", "sea-ice-2020"),
        ("a" * 63, "a" * 50),
        ("a" * 49 + "-bc", "a" * 49),
    ],
)
def test_name_begins_with_the_recipe_id(recipe_id: str, slug: str) -> None:
    assert re.fullmatch(rf"{slug}-[a-z2-7]{{10}}", workflow_name(recipe_id))


def test_names_of_one_recipe_differ() -> None:
    assert len({workflow_name("ice") for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["", "-a", "a-", "A", "a.b", "a_b", "a" * 64, "a\n", "{{item}}", "é"])
def test_other_text_is_no_workflow_name(text: str) -> None:
    assert not is_workflow_name(text)


def test_naming_imports_no_hera() -> None:
    code = "import sys, ogdc_shared.workflow.names, ogdc_shared.argo.retry; print('hera' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
