"""Previewing and publishing a result, with commands as a user types them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from support.data_sets import ADA, MADE, members, publish, run_of
from support.publishing_node import PublishingNode
from support.stack import Stack, wait_until


def test_a_package_is_previewed_and_then_published(stack: Stack, tmp_path: Path) -> None:
    run = run_of(stack, tmp_path / "recipe")
    assert stack.cli("publish", run, "--to", "dataone").code == 2
    looked = stack.cli("publish", run, "--to", "dataone", "--dry-run", "package", cwd=tmp_path)
    assert looked.code == 0, looked
    assert looked.out.startswith(f"Wrote the package of run {run} to package. Nothing was sent.\n")
    assert f"To publish it: ogdc-runner publish {run} --to dataone --directory package" in looked.out
    with PublishingNode() as node:
        token = node.token(ADA)
        done = publish(stack, run, node.url, token, "--directory", "package", cwd=tmp_path)
        listed = members(tmp_path / "package")
        assert (done["sent"], done["found"]) == (len(listed), 0)
        assert done["identifier"] in looked.out
        assert done["url"] == f"{node.url}/v2/object/{quote(done['identifier'], safe='')}"
        assert {path: node.objects[listed[path]["pid"]].content for path in MADE} == MADE
        again = publish(stack, run, node.url, token, cwd=tmp_path)
        assert (again["identifier"], again["sent"], again["found"]) == (done["identifier"], 0, len(listed))


def test_a_run_with_a_visible_result_offers_it_although_it_is_cancelled(stack: Stack, recipe) -> None:
    made = recipe("seals cancelled late", output="pvc")
    name = stack.cli("submit", "--json", str(made)).json()["name"]
    wait_until((stack.paths.volume / "seals-cancelled-late").exists)
    assert stack.api("POST", f"/runs/{name}/cancel").status in {200, 409}
    run = stack.wait(name)
    if run["status"] == "Failed":  # the machine is so busy that it was killed after its grace period
        assert "may be in place" in run["message"]
        assert stack.api("POST", f"/runs/{name}/retry").status == 200
        run = stack.wait(name)
    assert (run["status"], run["message"]) == ("Succeeded", None)
    assert stack.api("GET", f"/runs/{name}/outputs").status == 200
