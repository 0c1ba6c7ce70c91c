"""The repository's own workflows, held to GitHub's schema and to what keeps them safe."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps(workflow: Path) -> list[dict[str, str]]:
    return [step for job in yaml.safe_load(workflow.read_text())["jobs"].values() for step in job["steps"]]


def test_there_are_some() -> None:
    assert [workflow.stem for workflow in WORKFLOWS] == ["ci", "nightly", "release"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
class TestEach:
    @pytest.mark.slow
    def test_is_valid(self, workflow: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.github-workflows",
            workflow,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout

    def test_uses_what_others_wrote_by_its_commit(self, workflow: Path) -> None:
        used = [step["uses"] for step in steps(workflow) if "uses" in step]
        assert used
        assert not [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)]

    def test_writes_no_expression_into_a_script(self, workflow: Path) -> None:
        assert not [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")]

    def test_calls_targets_and_scripts_there_are(self, workflow: Path) -> None:
        scripts = "\n".join(step["run"] for step in steps(workflow) if "run" in step)
        targets = re.findall(r"\bmake (\w+)", scripts)
        makefile = (ROOT / "Makefile").read_text()
        assert targets
        assert not [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)]
        assert not [path for path in re.findall(r"scripts/[\w-]+", scripts) if not (ROOT / path).is_file()]


def test_the_version_is_the_packages() -> None:
    import tomllib

    command = [ROOT / "scripts" / "version"]
    version = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert version.strip() == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_notes_of_a_version_are_its_section_of_the_changelog() -> None:
    def notes(version: str) -> subprocess.CompletedProcess[str]:
        command = [ROOT / "scripts" / "release-notes", version]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    section = (ROOT / "CHANGELOG.md").read_text().split("## [Unreleased]\n")[1].split("\n## [")[0]
    assert notes("Unreleased").stdout.strip() == section.strip()
    assert notes("0.0.99").returncode == 1
