"""Invalid input is rejected with a message that names file, key and remedy, and leaves nothing behind.

Each recipe goes through the command line, which looks at it here, and through the HTTP API, which looks at it
there; both have to say the same.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from support.dataone import DataFile, MemberNode
from support.http import Answer, FileServer
from support.recipes import good_meta, inputs
from support.stack import Stack

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{later}: &{later} [{', '.join([f'*{earlier}'] * 10)}]\n"
    for earlier, later in zip("abcdefgh", "bcdefghi", strict=True)
)
WORDS = {"type": "file", "path": "words.txt"}


def meta(**changes: Any) -> dict[str, str | bytes]:
    """The files of a recipe that is right but for some keys of its meta.yml."""
    content = good_meta(
        **{"name": "refused", "input": inputs(WORDS), "output": {"type": "temporary"}} | changes
    )
    return {"meta.yml": json.dumps(content)}


def url(value: str) -> dict[str, str | bytes]:
    return meta(input=inputs({"type": "url", "value": value}))


REFUSED: dict[str, tuple[dict[str, str | bytes], str, str]] = {
    "empty meta.yml": ({"meta.yml": ""}, "meta.yml: is empty", "describe the recipe with name"),
    "a list as meta.yml": ({"meta.yml": "- a\n"}, "meta.yml: is not a mapping", "write `key: value` lines"),
    "binary meta.yml": ({"meta.yml": bytes(range(256))}, "meta.yml: is not a text file", "save it as UTF-8"),
    "meta.yml in another encoding": (
        {"meta.yml": "name: Grönland".encode("latin-1")}, "meta.yml: is not UTF-8", "save it as UTF-8",
    ),
    "huge meta.yml": ({"meta.yml": "#" * (2 << 20)}, "meta.yml: is larger than", "separate files"),
    "alias bomb": ({"meta.yml": BOMB}, "meta.yml: has more than", "write them out"),
    "unknown key": (
        meta(workflow={"type": "shell", "shfile": "a.sh"}),
        "meta.yml: workflow.shfile: unknown key", "did you mean sh_file?",
    ),
    "a key twice": ({"meta.yml": "name: a\nname: b\n"}, "meta.yml: line 2: the key 'name'", "keep one"),
    "missing side file": (
        meta(workflow={"type": "shell", "sh_file": "steps.sh"}),
        "meta.yml: workflow.sh_file: 'steps.sh' is not in the recipe directory", "add it, or correct",
    ),
    "escaping side file": (
        meta(workflow={"type": "shell", "sh_file": "../../../../etc/passwd"}),
        "meta.yml: workflow.sh_file: '../../../../etc/passwd' lies outside", "give a path inside it",
    ),
    "escaping input": (
        meta(input=inputs({"type": "file", "path": "/etc/passwd"})),
        "meta.yml: input.params[0].path: '/etc/passwd' lies outside", "give a path inside it",
    ),
    "bad name": (meta(name="a_b"), "meta.yml: name: 'a_b' cannot have '_'", "use only the letters"),
    "a path instead of a URL": (
        url("tags.csv"), "meta.yml: input.params[0].value: 'tags.csv' is not a URL", "give one that begins",
    ),
    "a URL of this machine's files": (
        url("file:///etc/passwd"), "params[0].value: 'file:///etc/passwd' is not a URL", "give one that",
    ),
    "two inputs of one name": (
        meta(input=inputs(WORDS, {"type": "url", "value": "https://example.org/words.txt"})),
        "meta.yml: input.params[1]: its file would be called 'words.txt', as that of input.params[0]",
        "give one of them another name",
    ),
    "unfinished command": (
        meta() | {"recipe.sh": "echo fine\nfor f in /input_dir/*; do\n"}, "recipe.sh: line 2", "done",
    ),
    "no command": (meta() | {"recipe.sh": "# later\n"}, "recipe.sh: holds no command", "write"),
    "what is not offered": (
        meta(output={"type": "dataone", "dataone_id": "x"}),
        "output.type: dataone takes a data set", "has no `metadata` (title, abstract, creators)",
    ),
}  # fmt: skip


def packed(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb") as stream,
        tarfile.open(fileobj=stream, mode="w") as archive,
    ):
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("case", REFUSED)
def test_recipe_that_cannot_run_is_refused(stack: Stack, tmp_path: Path, case: str) -> None:
    changed, problem, remedy = REFUSED[case]
    files = {"recipe.sh": "cp /input_dir/* /output_dir/\n", "words.txt": "words\n"} | changed
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with stack.leaving_nothing():
        done = stack.cli("submit", str(tmp_path))
        reply = stack.api("POST", "/submit", body=packed(files), headers={"Content-Type": "application/gzip"})
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: ")
    assert reply.status == 422
    for message in (done.err, reply.detail):
        assert problem in message
        assert remedy in message.partition(problem)[2]
    assert len(done.err) < 2000


def test_all_problems_are_reported_at_once(stack: Stack, recipe) -> None:
    bad = recipe("two_faults", params=[{"type": "url", "value": "a b"}], output="nowhere")
    faults = ["meta.yml: name: ", "meta.yml: input.params[0].value: ", "meta.yml: output.type: "]
    output = stack.cli("run", str(bad)).err
    checked = stack.cli("validate", "--json", str(bad))
    assert checked.code == 1
    assert checked.json()["valid"] is False
    for fault in faults:
        assert fault in output
        assert any(problem.startswith(fault) for problem in checked.json()["problems"])


@pytest.mark.parametrize("command", ["run", "submit", "validate", "compile", "graph"])
def test_directory_that_is_not_there_is_named(stack: Stack, tmp_path: Path, command: str) -> None:
    with stack.leaving_nothing():
        done = stack.cli(command, "no/such/recipe", cwd=tmp_path)
    assert done.code == 1
    assert done.err == (
        "Error: no/such/recipe: does not exist; name the directory with the recipe's meta.yml.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_directory_without_meta_yml_is_named(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "meta.yaml").write_text("name: x\n")
    with stack.leaving_nothing():
        done = stack.cli("submit", str(tmp_path))
        there = stack.api("POST", "/submit", body={"recipe_path": str(tmp_path)})
        nowhere = stack.api("POST", "/submit", body={"recipe_path": "/no/such/recipe"})
    assert done.code == 1
    assert "there is only a meta.yaml; rename it to meta.yml." in done.err
    assert (there.status, nowhere.status) == (404, 404)
    assert "meta.yml" in there.detail
    assert "/no/such/recipe" in nowhere.detail


def left_after(stack: Stack, name: str) -> None:
    """A failed run keeps its row, what its retry needs and its log, and publishes nothing."""
    run = stack.run(name)
    assert run["status"] == "Failed"
    assert not (stack.paths.volume / run["recipe_id"]).exists()
    assert not (stack.paths.artifacts / "runs" / name / "output").exists()


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (404, "Check the address."),
        (403, "A login for 127.0.0.1 is missing or may not read this, or a signed link has expired"),
        (410, "Check the address."),
    ],
)
def test_an_unavailable_input_fails_immediately(
    stack: Stack, recipe, server: FileServer, status: int, remedy: str
) -> None:
    server.routes[f"/refused-{status}"] = lambda _: Answer(status=status)
    address = f"{server.url}/refused-{status}"
    done = stack.cli("submit", "--wait", str(recipe("no input", params=[{"type": "url", "value": address}])))
    assert done.code == 1
    assert f"'{address}' cannot be fetched: its server answered {status}" in done.err
    assert remedy in done.err
    left_after(stack, done.err.split()[-1])


def test_validate_checks_inputs_if_requested(stack: Stack, recipe, server: FileServer) -> None:
    address = f"{server.url}/not-there.csv"
    directory = str(recipe("unchecked", params=[{"type": "url", "value": address}]))
    assert stack.cli("validate", directory).code == 0
    checked = stack.cli("validate", "--check-inputs", directory)
    assert checked.code == 1
    assert (
        f"'{address}' cannot be fetched: its server answered 404 Not Found. Check the address." in checked.err
    )


def test_checksum_mismatch_fails_naming_both_checksums_and_advice(
    stack: Stack, recipe, server: FileServer
) -> None:
    node = MemberNode(server, {"map_checksum": [DataFile("urn:checksum", "tags.csv", b"tag\n1\n")]})
    server.routes["/metacat/d1/mn/v2/object/urn:checksum"] = lambda _: Answer(body=b"tag\n2\n")
    param = {"type": "dataone", "dataset_identifier": "map_checksum"}
    done = stack.cli("submit", "--wait", str(recipe("changed since", params=[param])))
    assert done.code == 1
    assert f"{node.url}/v2/object/urn%3Achecksum" in done.err
    found, described = (hashlib.sha256(content).hexdigest() for content in (b"tag\n2\n", b"tag\n1\n"))
    assert f"its sha256 is {found} instead of {described}" in done.err
    assert "Submit the recipe again if it was updated" in done.err
    left_after(stack, done.err.split()[-1])


def test_dataone_package_without_matching_files_is_refused(stack: Stack, recipe, server: FileServer) -> None:
    MemberNode(server, {"map_one": [DataFile("urn:1", "tags.csv", b"x")]})
    unknown = recipe("unknown package", params=[{"type": "dataone", "dataset_identifier": "map_none"}])
    unmatched = recipe(
        "unmatched", params=[{"type": "dataone", "dataset_identifier": "map_one", "filename": "*.tif"}]
    )
    with stack.leaving_nothing():
        refused = [stack.cli("submit", str(directory)) for directory in (unknown, unmatched)]
    assert [done.code for done in refused] == [1, 1]
    assert "meta.yml: input.params[0]" in refused[0].err
    assert "map_none" in refused[0].err
    assert "*.tif" in refused[1].err
    assert "tags.csv" in refused[1].err, "what there is instead"


def test_inputs_that_servers_give_the_same_name_fail_with_both_sources(
    stack: Stack, recipe, server: FileServer
) -> None:
    for name in ("one", "two"):
        (server.directory / name).write_text(name)
        server.dispositions[f"/{name}"] = 'attachment; filename="same.csv"'
    params = [{"type": "url", "value": f"{server.url}/{name}"} for name in ("one", "two")]
    done = stack.cli("submit", "--wait", str(recipe("same name", params=params)))
    assert done.code == 1
    assert all(param["value"] in done.err for param in params)


@pytest.mark.parametrize(
    "command", ["status", "check-workflow-status", "watch", "logs", "cancel", "retry", "get-output"]
)
def test_an_unknown_run_is_reported(stack: Stack, tmp_path: Path, command: str) -> None:
    done = stack.cli(command, "no-such-run-abcdefghij", cwd=tmp_path)
    assert done.code == 1
    assert done.err == (
        "Error: There is no run named 'no-such-run-abcdefghij'. `ogdc-runner list` lists them.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/status/{}", "/runs/{}", "/runs/{}/logs", "/output/{}"])
def test_unknown_run_is_404_over_http(stack: Stack, path: str) -> None:
    assert stack.api("GET", path.format("no-such-run-abcdefghij")).status == 404


def test_an_unavailable_output_is_explained(stack: Stack, recipe, tmp_path: Path) -> None:
    unfinished = stack.cli("submit", "--json", str(recipe("unfinished", "sleep 600"))).json()["name"]
    failed = stack.cli("submit", "--wait", "--json", str(recipe("failed", "exit 9"))).json()["name"]
    published = stack.cli("submit", "--wait", "--json", str(recipe("published", output="pvc"))).json()["name"]
    old, removed = (
        stack.cli("submit", "--wait", "--json", str(recipe("expired"))).json()["name"] for _ in range(2)
    )
    stack.sql("UPDATE runs SET finished_at = now() - interval '8 days' WHERE name = %s", old)
    (stack.paths.artifacts / "runs" / removed / "output" / "expired.zip").unlink()
    expected = {
        unfinished: (409, "has not ended"),
        failed: (409, "if the recipe is right. The reason: command 1 of 1 failed with exit code 9"),
        published: (404, "publishes to published/ on the workflow volume"),
        old: (410, "no longer kept: temporary outputs stay for 7 days. Submit the recipe again."),
        removed: (410, "no longer kept: temporary outputs stay for 7 days. Submit the recipe again."),
    }
    for name, (status, words) in expected.items():
        done = stack.cli("get-output", name, cwd=tmp_path)
        reply = stack.api("GET", f"/output/{name}")
        assert (done.code, reply.status) == (1, status)
        assert name in done.err
        assert words in done.err
        assert words in reply.detail
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".zip"] == []
    stack.cli("cancel", unfinished)


def test_expired_link_is_refused(stack: Stack, recipe) -> None:
    name = stack.cli("submit", "--wait", "--json", str(recipe("linked"))).json()["name"]
    link = stack.api("GET", f"/output/{name}").body["data_url"]
    assert link.partition("?")[0].endswith("/linked.zip")
    later = link.replace("expires=", "expires=1")
    reply = stack.api("GET", later.removeprefix(stack.url))
    assert reply.status == 403
    assert reply.detail


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("status",), "Missing argument 'NAME'"),
        (("bogus",), "No such command 'bogus'"),
        (("list", "--limit", "0"), "--limit"),
        (("submit", "a", "b"), "unexpected extra argument"),
        (("run", "--output-dir", "/etc/passwd", "."), "--output-dir"),
        (("set-token",), "--access"),
        (("set-token", "--json-str", "{"), "--json-str"),
    ],
)
def test_wrong_call_is_exit_code_2(stack: Stack, arguments: tuple[str, ...], message: str) -> None:
    done = stack.cli(*arguments)
    assert done.code == 2
    assert message in done.err
    assert "ogdc-runner" in done.err


def test_output_directory_that_cannot_be_written_is_refused_before_the_run(stack: Stack, recipe) -> None:
    with stack.leaving_nothing():
        done = stack.cli("run", str(recipe("nowhere to put it")), "--output-dir", "/proc/nowhere")
    assert done.code == 1
    assert "--output-dir" in done.err
