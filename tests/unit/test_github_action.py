"""action.yml and the workflows in its documentation, held to the schemas that editors know them by."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.github_runner import ACTION, ROOT

PAGE = (ROOT / "docs" / "github-action.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[WORKFLOW] = [text for text in EXAMPLES if "jobs:" in text]
REPOSITORY = "QGreenland-Net/ogdc-runner"


def check(kind: str, file: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        f"vendor.github-{kind}",
        str(file),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_action_is_one() -> None:
    done = check("actions", ROOT / "action.yml")

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_workflow_is_one(tmp_path: Path) -> None:
    file = tmp_path / "recipes.yml"
    file.write_text(WORKFLOW)
    done = check("workflows", file)

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_what_is_none_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "action.yml"
    file.write_text((ROOT / "action.yml").read_text().replace("shell: bash", "shel: bash"))

    assert check("actions", file).returncode == 1


def test_no_input_is_written_into_a_script() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    jobs = yaml.safe_load(WORKFLOW)["jobs"].values()
    scripts += [step["run"] for job in jobs for step in job["steps"] if "run" in step]

    assert len(scripts) == 4
    assert not [script for script in scripts if "${{" in script]


def test_what_others_wrote_is_used_by_its_commit() -> None:
    used = re.findall(r"uses: (\S+)@(\S+)", (ROOT / "action.yml").read_text() + WORKFLOW)

    assert len(used) == 4
    assert not [name for name, ref in used if name != REPOSITORY and not re.fullmatch(r"[0-9a-f]{40}", ref)]


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_all_is_documented(kind: str) -> None:
    listed = re.findall(rf"^\| {kind[:-1]} \|.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)

    assert re.findall(r"^\| `([a-z-]+)` \|", listed[0], re.MULTILINE) == list(ACTION[kind])


def test_examples_give_inputs_there_are() -> None:
    steps = yaml.safe_load(EXAMPLES[0]) + yaml.safe_load(WORKFLOW)["jobs"]["recipe"]["steps"]
    given = [step["with"] for step in steps if step.get("uses", "").startswith(REPOSITORY)]

    assert len(given) == 2
    assert all(each.keys() <= ACTION["inputs"].keys() for each in given)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("jq") is None, reason="GitHub's machines have jq, this one has not")
@pytest.mark.parametrize(
    ("changed", "recipes"),
    [
        (
            ["recipes/a/meta.yml", "recipes/a/recipe.sh", "recipes/b c/data/x.csv"],
            '["recipes/a","recipes/b c"]',
        ),
        (["recipes/README.md"], "[]"),
        (['recipes/$(touch x)"\n/meta.yml'], r'["recipes/$(touch x)\"\n"]'),
    ],
)
def test_the_workflow_finds_what_changed(tmp_path: Path, changed: list[str], recipes: str) -> None:
    [script] = [s["run"] for s in yaml.safe_load(WORKFLOW)["jobs"]["changed"]["steps"] if "run" in s]

    def git(*arguments: str) -> str:
        author = ["-c", "user.name=me", "-c", "user.email=me@localhost"]
        done = subprocess.run(["git", *author, *arguments], cwd=tmp_path, check=True, capture_output=True)
        return done.stdout.decode().strip()

    git("init", "--quiet")
    (tmp_path / "recipes" / "gone").mkdir(parents=True)
    (tmp_path / "recipes" / "gone" / "meta.yml").write_text("name: gone\n")
    git("add", "--all")
    git("commit", "--quiet", "--message=before")
    before = git("rev-parse", "HEAD")
    git("rm", "--quiet", "-r", "recipes/gone")
    for name in changed:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("new\n")
    git("add", "--all")
    git("commit", "--quiet", "--message=after")

    for known in (before, "0" * 40):
        (tmp_path / ".git" / "output").write_text("")
        environ = {
            "PATH": "/usr/bin:/bin",
            "BEFORE": known,
            "GITHUB_OUTPUT": str(tmp_path / ".git" / "output"),
        }
        subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=environ, check=True, timeout=30)
        assert (tmp_path / ".git" / "output").read_text() == f"recipes={recipes}\n"
