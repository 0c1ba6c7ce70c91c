"""What a command does not use, it does not import: that is where its time would go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from ogdc_cli.main import COMMANDS, make_app

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "mosaic-and-clip"
SHOW = """
import sys
from ogdc_cli.__main__ import main
try:
    main()
except SystemExit as exc:
    assert not exc.code, exc.code
print("imported", *(name for name in sys.modules if "." not in name))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"rich", "pydantic", "urllib3", "yaml", "hera", "psycopg", "flask", "fsspec", "boto3"}),
        (["version"], {"rich", "pydantic", "urllib3", "yaml", "hera", "psycopg", "flask", "fsspec", "boto3"}),
        (["validate", str(EXAMPLE)], {"rich", "urllib3", "hera", "psycopg", "flask", "fsspec", "boto3"}),
    ],
)
def test_command_imports_only_what_it_uses(arguments: list[str], unwanted: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW, *arguments], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.splitlines()[-1].split()[1:])
    assert "typer" in imported
    assert not unwanted & imported


def names(app: typer.Typer) -> set[str]:
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_command_is_created_without_importing_other_commands() -> None:
    every = names(make_app())
    known = {command for commands in COMMANDS.values() for command in commands}
    assert known == every - {"github-action"}
    for commands in COMMANDS.values():
        for command in commands:
            assert names(make_app([command, "--help"])) == set(commands), command
    for words in ([], ["--help"], ["no-command"], ["github-action"]):
        assert names(make_app(words)) == every
