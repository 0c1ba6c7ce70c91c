"""A workflow that somebody deletes by hand, at Argo and not through this project."""

from __future__ import annotations

from pathlib import Path

from support.stack import Stack, wait_until

DELETED = "The workflow was deleted before it ended."


def test_a_run_whose_workflow_is_deleted_by_hand_ends_as_error_with_a_reason(
    stack: Stack, recipe, tmp_path: Path
) -> None:
    name = stack.cli("submit", "--json", str(recipe("deleted", "sleep 300"))).json()["name"]
    wait_until(lambda: stack.run(name)["status"] == "Running")

    stack.delete_workflow(name)

    watched = stack.cli("watch", name)
    assert (watched.code, DELETED in watched.err) == (1, True)
    run = stack.run(name)
    assert (run["status"], run["message"]) == ("Error", DELETED)
    assert run["finished_at"] is not None
    assert stack.api("GET", f"/status/{name}").body["status"] == "Error"
    refused = stack.cli("get-output", name, cwd=tmp_path)
    assert (refused.code, refused.out) == (1, "")
    retried = stack.cli("retry", name)
    assert (retried.code, "Submit the recipe again" in retried.err) == (1, True)
    again = stack.cli("submit", "--json", str(recipe("deleted", "true; cp /input_dir/* /output_dir/")))
    assert again.code == 0, "the place is free again"
    assert stack.wait(again.json()["name"])["status"] == "Succeeded"
