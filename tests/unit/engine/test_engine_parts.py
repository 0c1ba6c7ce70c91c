from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_local.engine.flow import Flow
from ogdc_local.engine.manifest import read_program
from ogdc_local.engine.nodes import node_id, parse_progress, seconds, timestamp
from ogdc_local.engine.records import WorkflowRow
from ogdc_local.engine.safe_paths import safe_directory, safe_file, safe_read
from ogdc_local.engine.store import Change, Store, WorkflowExistsError
from ogdc_local.engine.substitute import fill, tags
from ogdc_local.engine.workflows import Workflows
from ogdc_shared.argo.expressions import quotient
from ogdc_shared.argo.pod_names import fnv1a, pod_name
from ogdc_shared.errors import ConfigurationError
from support.engine import CLAIM, shell, task, workflow


@pytest.mark.parametrize(("text", "value"), [("", 2166136261), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)])
def test_the_hash_is_fnv_1a(text: str, value: int) -> None:
    """Source: test vectors of draft-eastlake-fnv."""
    assert fnv1a(text) == value


def test_nodes_and_pods_are_named_as_argo_names_them() -> None:
    assert node_id("w", "w") == "w"
    assert node_id("w", "w.process(0:0)") == f"w-{fnv1a('w.process(0:0)')}"
    assert pod_name("w", node="w.process(0:0)", template="process") == f"w-process-{fnv1a('w.process(0:0)')}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/4", (1, 4)),
        (" 4/4\n", (4, 4)),
        *((text, None) for text in ("5/4", "0/0", "-1/4", "x", "1/²", "1/4/4", "", None, f"1/{10**30}")),
    ],
)
def test_progress_is_done_and_total(text: str | None, value: tuple[int, int] | None) -> None:
    assert parse_progress(text) == value


@given(st.integers(0, 4_000_000_000_000))
def test_times_are_kept_to_the_millisecond(milliseconds: int) -> None:
    moment = milliseconds / 1000
    assert timestamp(moment).endswith("Z")
    assert abs(seconds(timestamp(moment)) - moment) < 0.002


@given(st.text(), st.text(), st.text())
def test_a_value_is_substituted_unchanged(before: str, value: str, after: str) -> None:
    before, after = before.replace("{", ""), after.replace("}", "").replace("{", "")
    assert fill(f"{before}{{{{x}}}}{after}", {"x": value}) == before + value + after


def test_a_tag_without_a_value_is_an_error() -> None:
    assert list(tags("{{a}}-{{ b.c }}")) == ["a", "b.c"]
    with pytest.raises(ValueError, match=r"b\.c"):
        fill("{{a}}-{{ b.c }}", {"a": "1"})


def test_directories_are_made_below_a_root_and_never_through_a_link(tmp_path: Path) -> None:
    assert safe_directory(tmp_path, "a/b/c", owner=None).is_dir()
    assert safe_directory(tmp_path, "", owner=None) == tmp_path
    (tmp_path / "outside").mkdir()
    (tmp_path / "a/link").symlink_to(tmp_path / "outside")
    for path in ("a/link", "a/link/x", "../x", "/x", "a/../../x"):
        with pytest.raises(OSError, match=r"Not a directory|Too many levels|leads out"):
            safe_directory(tmp_path, path, owner=None)
    with pytest.raises(FileNotFoundError):
        safe_directory(tmp_path, "not/there", owner=None, make=False)
    assert list((tmp_path / "outside").iterdir()) == []


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("0123456789")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert safe_read(tmp_path, "file", limit=4) == "0123"
    for name in ("link", "directory", "pipe", "nothing"):
        assert safe_read(tmp_path, name, limit=4) is None
        with pytest.raises(OSError, match=r"not a regular file|No such file"):
            safe_file(tmp_path, name)


def test_resource_versions_increase_across_all_workflows(tmp_path: Path) -> None:
    changes: list[tuple[str, Change]] = []
    store = Store(tmp_path / "e.sqlite", on_change=lambda uid, change: changes.append((uid, change)))
    created = [store.create({"metadata": {"name": name}, "spec": {}}, namespace="n") for name in ("a", "b")]
    uids = [uid for uid, _ in created]
    assert created[1][1] == store.document("b")
    with pytest.raises(WorkflowExistsError):
        store.create({"metadata": {"name": "a"}, "spec": {}}, namespace="n")
    assert store.shut_down("a", "Stop") == uids[0]
    assert store.delete("b") == uids[1]
    assert store.delete("b") is None
    assert [(uid, change.name) for uid, change in changes] == [
        (uids[0], "MADE"),
        (uids[1], "MADE"),
        (uids[0], "TURNED"),
        (uids[1], "DELETED"),
    ]
    name, body = store.deleted_object(uids[1]) or ("", "")
    assert name == "b"
    assert '"resourceVersion":"5"' in body
    store.close()


def test_a_new_workflow_is_recorded_with_its_first_nodes_and_not_scheduled_once_deleted(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path / "e.sqlite", on_change=lambda uid, change: None)
    unused: Any = None  # no pod starts here
    workflows = Workflows(store=store, pods=unused, runner=unused, helpers=unused, claims=())
    flows = {}
    for name in ("kept", "deleted"):
        manifest = workflow(name, tasks=[task("hello")], templates=[shell("hello", "true")])
        program = read_program(manifest, claims={CLAIM})
        flow = Flow(program, uid=f"uid-{name}", namespace="n", head=WorkflowRow("Pending"), nodes=(), now=1.0)
        uid, answer = store.create(manifest, namespace="n", first=flow.changes())
        flow.recorded()
        flows[uid] = flow
        assert json.loads(answer)["status"] == {"phase": "Pending", "nodes": {}}
    store.delete("deleted")
    for uid, flow in flows.items():
        workflows.refresh(uid, flow)
    assert workflows.turns() == ["uid-kept"]
    status = json.loads(store.document("kept") or "")["status"]
    assert [node["displayName"] for node in status["nodes"].values()] == ["kept"]
    store.close()


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(tmp_path / "e.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigurationError, match="another version"):
        Store(tmp_path / "e.sqlite", on_change=lambda uid, change: None)


@given(st.integers(0, 10**6), st.integers(1, 200))
def test_the_pack_of_a_partition_is_computed(number: int, per_pack: int) -> None:
    scope = {"inputs.parameters.partition": str(number), "inputs.parameters.per_pack": str(per_pack)}
    template = quotient("inputs.parameters.partition", "inputs.parameters.per_pack")
    known = quotient("inputs.parameters.partition", str(per_pack))
    assert fill(f"{template}.json", scope) == fill(f"{known}.json", scope) == f"{number // per_pack}.json"
    assert list(tags(template)) == list(scope)
    assert list(tags(known)) == ["inputs.parameters.partition"]


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "{{x}}", "9" * 13])
def test_what_is_no_number_is_not_divided(value: str) -> None:
    for template in (quotient("x", "2"), quotient("2", "x")):
        with pytest.raises(ValueError, match="cannot be divided"):
            fill(template, {"x": value})
    with pytest.raises(ValueError, match="cannot be divided"):
        fill(quotient("7", "0"), {})
