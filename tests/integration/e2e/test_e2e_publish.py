"""A result that is looked at, and then published, by the commands that a user types."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from support.data_sets import ADA, MADE, members, publish, run_of
from support.publishing_node import PublishingNode
from support.stack import Stack


def test_a_result_is_looked_at_and_then_published(stack: Stack, tmp_path: Path) -> None:
    run = run_of(stack, tmp_path / "recipe")
    assert stack.cli("publish", run, "--to", "dataone").code == 2
    looked = stack.cli("publish", run, "--to", "dataone", "--dry-run", "package", cwd=tmp_path)
    assert looked.code == 0, looked
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
