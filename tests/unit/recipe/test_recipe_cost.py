"""What reading a recipe costs: every start of the command line's `validate` pays it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.recipes import make_recipe

LOAD = (
    "from pathlib import Path; from ogdc_shared.recipe.recipe import load_recipe; load_recipe(Path({!r})); "
)


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_loading_a_recipe_imports_nothing_of_the_services(tmp_path: Path) -> None:
    heavy = {"hera", "psycopg", "flask", "boto3", "urllib3", "requests", "fsspec", "rich", "typer", "tarfile"}
    code = LOAD.format(str(make_recipe(tmp_path))) + f"import sys; print(sorted({heavy} & set(sys.modules)))"
    assert run(code).strip() == "[]"


@pytest.mark.slow
def test_loading_a_recipe_opens_no_socket(tmp_path: Path) -> None:
    watch = (
        "import sys; seen = []; "
        "sys.addaudithook(lambda event, args: seen.append(event) if event.startswith('socket') else None); "
    )
    assert run(watch + LOAD.format(str(make_recipe(tmp_path))) + "print(seen)").strip() == "[]"
