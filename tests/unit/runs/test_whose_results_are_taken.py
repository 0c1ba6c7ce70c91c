"""Results are stored separately by user and recipe, and are not reused across them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ogdc_shared.config import Settings
from ogdc_shared.db.submissions import EarlierRun
from ogdc_shared.plan import Partitioning
from ogdc_shared.recipe.bundle import pack_with_digest
from ogdc_shared.recipe.recipe import load_recipe
from ogdc_shared.runs.recipe_types import plans
from ogdc_shared.runs.reuse import Found, Reusing, plan_reuse
from ogdc_shared.runs.stage_facts import RunFacts
from support.recipes import make_recipe

ONE, OTHER = UUID(int=1), UUID(int=2)
WORKFLOWS: tuple[dict[str, Any], ...] = ({"type": "shell"}, {"type": "visualization"})


def found(directory: Path, run: Reusing) -> Found | None:
    recipe = load_recipe(directory)
    first, *_ = plans(recipe, RunFacts(Partitioning(), digest=""))
    files = pack_with_digest(directory).files
    return plan_reuse(recipe, first, files, settings=Settings.from_env(), run=run)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=["shell", "map"])
def test_results_are_stored_per_user_and_recipe(tmp_path: Path, workflow: dict[str, Any]) -> None:
    lakes, seas = (make_recipe(tmp_path / name, name=name, workflow=workflow) for name in ("lakes", "seas"))
    scopes = {
        (owner, recipe.name): kept.scope
        for owner in (ONE, OTHER)
        for recipe in (lakes, seas)
        if (kept := found(recipe, Reusing(owner)))
    }
    assert len(set(scopes.values())) == len(scopes) == 4
    again = found(lakes, Reusing(ONE))
    assert again is not None
    assert again.scope == scopes[ONE, "lakes"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=["shell", "map"])
def test_reuse_can_be_disabled_by_the_run_or_the_recipe(tmp_path: Path, workflow: dict[str, Any]) -> None:
    def earlier(_label: str) -> list[EarlierRun]:
        return [EarlierRun("lakes-1", succeeded=False), EarlierRun("lakes-2", succeeded=True)]

    recipe = make_recipe(tmp_path / "lakes", name="lakes", workflow=workflow)
    taking, fresh = (found(recipe, Reusing(ONE, earlier, fresh=fresh)) for fresh in (False, True))
    assert taking is not None
    assert fresh is not None
    assert (taking.takes, taking.unended, fresh.takes) == (True, ("lakes-1",), False)
    assert fresh.scope == taking.scope, "what it leaves is kept for later"
    never = make_recipe(tmp_path / "never", name="lakes", workflow=workflow | {"reuse": False})
    assert found(never, Reusing(ONE, earlier)) is None
