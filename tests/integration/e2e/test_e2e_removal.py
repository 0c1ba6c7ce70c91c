"""`rm` and `gc` remove files of runs and nothing else."""

from __future__ import annotations

from pathlib import Path

from support.recipes import make_own_recipe
from support.stack import Stack, wait_until

FAILING = "cp /input_dir/words.txt /output_dir/\nhead -c 3000000 /dev/zero > /output_dir/big; false"


def recipe(directory: Path, name: str, commands: str, output: str = "pvc") -> Path:
    return make_own_recipe(directory, commands, name=name, output=output, retries=0)


def left_of(stack: Stack, name: str) -> set[str]:
    return {trace for trace in stack.traces() if name in trace and not trace.startswith("run ")}


def test_removal_deletes_artifacts_and_keeps_the_record_and_published_data(
    stack: Stack, tmp_path: Path
) -> None:
    bad = recipe(tmp_path / "bad", "bad one", FAILING)
    good = recipe(tmp_path / "good", "good one", "cp /input_dir/words.txt /output_dir/")
    failed = [stack.cli("run", str(bad), "--json", cwd=tmp_path).json()["name"] for _ in range(2)]
    succeeded = stack.cli("run", str(good), "--json", cwd=tmp_path).json()["name"]
    workspace = stack.paths.volume / ".ogdc/runs" / failed[0]
    assert workspace.exists(), "a retry goes on from it"
    assert not list(workspace.rglob("big")), "but not from what a failed command left"

    planned = stack.cli("gc", "--dry-run", "--recipe", "bad-one", "--json").json()
    assert set(planned["removed"]) == set(failed)
    assert workspace.exists()
    assert stack.cli("rm", failed[0]).code == 0
    wait_until(lambda: stack.run(failed[0])["deleted_at"] and not left_of(stack, failed[0]))
    assert stack.run(failed[0])["status"] == "Failed"
    assert stack.cli("logs", failed[0]).code == 1
    assert stack.cli("retry", failed[0]).code == 1

    done = stack.cli("gc", "--recipe", "bad-one", "--json").json()
    assert done["removed"] == [failed[1]]
    wait_until(lambda: stack.run(failed[1])["deleted_at"] and not left_of(stack, failed[1]))
    assert "nothing to remove" in stack.cli("gc", "--recipe", "bad-one").out
    assert stack.run(succeeded)["deleted_at"] is None
    assert (stack.paths.volume / "good-one/words.txt").exists()
    assert stack.cli("rm", succeeded).code == 0
    assert (stack.paths.volume / "good-one/words.txt").exists()


def test_a_run_that_has_not_ended_is_not_removed(stack: Stack, tmp_path: Path) -> None:
    slow = recipe(tmp_path / "slow", "slow one", "sleep 60\n")
    name = stack.cli("submit", str(slow), "--json").json()["name"]
    refused = stack.cli("rm", name)
    assert refused.code == 1
    assert f"ogdc-runner cancel {name}" in refused.err
    assert stack.api("DELETE", f"/runs/{name}").status == 409
    assert stack.api("DELETE", "/runs/nobody-knows").status == 404
    assert stack.cli("cancel", name).code == 0
