"""Untrusted text stays data: in shells, paths, SQL, Solr and Argo's templates.

Everything here would, were it ever obeyed, make a file named like `CANARY` somewhere. After each test there
must be none: on the volume, in what a run has made, in the stack's own directories, where it was typed.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from ogdc_shared.plan import SCOPE_LABEL
from support.crates import outputs_alone
from support.dataone import DataFile, MemberNode
from support.http import Answer, FileServer
from support.recipes import good_meta, inputs, make_recipe
from support.stack import Stack

CANARY = "ogdc-canary"
WORKFLOW_CLAIM = "cephfs-qgnet-ogdc-workflow-pvc"
TOUCH = "touch${IFS}" + CANARY
COPY_ALL = "cp -a /input_dir/. /output_dir/"
PACK = re.compile(r"\{\{=sprig\.div\(inputs\.parameters\.partition, [0-9]+\)\}\}")
"""The one expression that is the compiler's own."""
SCOPE = f"{{{{workflow.labels.{SCOPE_LABEL}}}}}"
"""A tag of its own, whose value is a digest."""


@pytest.fixture(autouse=True)
def no_canary(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look for what must not be there."""
    monkeypatch.chdir(tmp_path)
    yield
    found = [path for place in (stack.root, tmp_path) for path in place.rglob(CANARY)]
    assert [*found, *Path("/").glob(CANARY), *Path("/tmp").glob(CANARY)] == []


def without_what_is_ours(manifest: str) -> str:
    """A workflow without its own expression and tag, and without what `publish` warns of.

    A warning may name files; nothing reads it as a template.
    """
    workflow = json.loads(manifest)
    for node in workflow["status"]["nodes"].values():
        parameters = node.get("outputs", {}).get("parameters", [])
        parameters[:] = [parameter for parameter in parameters if parameter["name"] != "warnings"]
    return PACK.sub("", json.dumps(workflow, ensure_ascii=False)).replace(SCOPE, "")


def run_and_look(stack: Stack, directory: Path) -> dict[str, bytes]:
    """Run a recipe with `output: temporary`; returns its output, once the manifest was found to be clean."""
    done = stack.cli("submit", "--wait", "--json", str(directory), cwd=directory.parent)
    assert done.code == 0, done
    name = done.json()["name"]
    manifest = without_what_is_ours(stack.manifest(name))
    for trace in (CANARY, "IFS", "sprig", "passwd", "evil", "{{workflow"):
        assert trace not in manifest
    assert stack.cli("get-output", name, cwd=directory.parent).code == 0
    with zipfile.ZipFile(directory.parent / f"{done.json()['recipe_id']}.zip") as archive:
        assert CANARY not in archive.namelist()
        return outputs_alone({name: archive.read(name) for name in archive.namelist()})


SEGMENTS = {
    f"a;{TOUCH};.csv": f"a;{TOUCH};.csv",
    f"$({TOUCH}).csv": f"$({TOUCH}).csv",
    f"`{TOUCH}`.csv": f"`{TOUCH}`.csv",
    f"a'{TOUCH}'b\"{TOUCH}\".csv": f"a'{TOUCH}'b\"{TOUCH}\".csv",
    f"|{TOUCH}&.csv": f"|{TOUCH}&.csv",
    "{{workflow.name}}.csv": "{{workflow.name}}.csv",
    "{{=sprig.env('HOME')}}.csv": "{{=sprig.env('HOME')}}.csv",
    "{{inputs.parameters.partition}}.csv": "{{inputs.parameters.partition}}.csv",
    f"a%0A{CANARY}%0D.csv": f"a%0A{CANARY}%0D.csv",
    "..%2F..%2F..%2Fevil.csv": "..%2F..%2F..%2Fevil.csv",
    "%2Fetc%2Fevil.csv": "%2Fetc%2Fevil.csv",
    "..%5C..%5Cevil.csv": "..\\..\\evil.csv",
    "%2E%2E": "%2E%2E",
    "-rf.csv": "-rf.csv",
    "$(id)${HOME}~.csv": "$(id)${HOME}~.csv",
}
"""The last segment of a URL → the name its file has in the output."""


def test_urls_and_the_names_in_them_are_data(stack: Stack, recipe, server: FileServer) -> None:
    urls = [f"{server.url}/u{number}/{segment}" for number, segment in enumerate(SEGMENTS)]
    for number, segment in enumerate(SEGMENTS):
        decoded = segment.replace("%0A", "\n").replace("%0D", "\r").replace("%2F", "/").replace("%5C", "\\")
        decoded = decoded.replace("%2E", ".")
        server.routes[f"/u{number}/{decoded}"] = lambda request: Answer(body=request.path.encode())
    found = run_and_look(
        stack, recipe("urls", COPY_ALL, params=[{"type": "url", "value": url} for url in urls])
    )
    assert sorted(found) == sorted(SEGMENTS.values())


DISPOSITIONS = {
    'attachment; filename="../../../evil.csv"': "evil.csv",
    'attachment; filename="/etc/cron.d/evil"': "evil",
    'attachment; filename="..\\\\..\\\\evil.txt"': "evil.txt",
    f'attachment; filename="x;{TOUCH};.csv"': f"x;{TOUCH};.csv",
    f'attachment; filename="$({TOUCH})`{TOUCH}`.csv"': f"$({TOUCH})`{TOUCH}`.csv",
    "attachment; filename=\"{{workflow.name}}{{=sprig.env('HOME')}}.csv\"": (
        "{{workflow.name}}{{=sprig.env('HOME')}}.csv"
    ),
    f"attachment; filename*=UTF-8''y%0A{CANARY}": f"y%0A{CANARY}",
    "attachment; filename*=UTF-8''..%2F..%2Fevil.bin": "evil.bin",
}
"""A server's header → the name its file has."""


def test_names_that_servers_give_are_data(stack: Stack, recipe, server: FileServer) -> None:
    params = []
    for number, header in enumerate(DISPOSITIONS):
        path = f"/disposition-{number}"
        headers = {"Content-Disposition": header}
        server.routes[path] = lambda _, headers=headers: Answer(body=b"x", headers=headers)
        params.append({"type": "url", "value": server.url + path})
    found = run_and_look(stack, recipe("dispositions", COPY_ALL, params=params))
    assert sorted(found) == sorted(DISPOSITIONS.values())


def test_names_in_a_recipe_are_data(stack: Stack, recipe) -> None:
    names = [
        f"a b;{TOUCH};.txt",
        f"$({TOUCH}).txt",
        f"'{TOUCH}'\"`{TOUCH}`.txt",
        "{{workflow.name}}.txt",
        "ü.txt",
    ]
    directory = recipe(
        "own names",
        params=[{"type": "file", "path": f"data {{{{workflow.uid}}}}/{name}"} for name in names],
        sh_file=f"steps;{TOUCH}.sh",
        files={f"data {{{{workflow.uid}}}}/{name}": name for name in names}
        | {
            f"steps;{TOUCH}.sh": f"{COPY_ALL}; echo '{{{{workflow.name}}}} {{{{=1+1}}}}' > /output_dir/tags\n"
        },
    )
    found = run_and_look(stack, directory)
    assert found.pop("tags") == b"{{workflow.name}} {{=1+1}}\n"
    assert found == {name: name.encode() for name in names}


def test_dataone_names_are_data(stack: Stack, recipe, server: FileServer) -> None:
    package = f"map\"OR*:*\\$({TOUCH})'{{{{workflow.name}}}};"
    names = [
        "../../evil.csv",
        f"$({TOUCH}).csv",
        "{{workflow.name}}.csv",
        f"a;{TOUCH};.csv",
        "/etc/passwd.csv",
    ]
    files = [DataFile(f"urn:{number};$({TOUCH})", name, name.encode()) for number, name in enumerate(names)]
    MemberNode(server, {package: files, "map": [DataFile("urn:other", "other.csv", b"not asked for")]})
    param = {"type": "dataone", "dataset_identifier": package, "filename": "*.csv"}
    found = run_and_look(stack, recipe("package", COPY_ALL, params=[param]))
    files_found = {name: content for name, content in found.items() if not name.endswith("/")}
    assert sorted(files_found.values()) == sorted(name.encode() for name in names)
    assert sorted(files_found) == sorted(name.removeprefix("../../").removeprefix("/") for name in names)


@pytest.mark.parametrize(
    "pattern", [f"*;{TOUCH}", f"$({TOUCH})", "../*", "[a-z]*' OR 1=1", "{{workflow.name}}", "*\n*"]
)
def test_dataone_patterns_are_data(stack: Stack, recipe, server: FileServer, pattern: str) -> None:
    MemberNode(server, {"map_patterns": [DataFile("urn:p", "a.csv", b"x")]})
    param = {"type": "dataone", "dataset_identifier": "map_patterns", "filename": pattern}
    with stack.leaving_nothing():
        done = stack.cli("submit", str(recipe("patterns", params=[param])))
    assert done.code == 1
    assert "meta.yml: input.params[0]" in done.err


NAMES = [
    f"seals; {TOUCH}",
    f"$({TOUCH})",
    f"`{TOUCH}`",
    "../../evil",
    "/etc/evil",
    "{{workflow.name}}",
    "{{=sprig.env('HOME')}}",
    "seals'; DROP TABLE runs; --",
    f"seals\n{CANARY}",
    "seals\u202etxt.",
    "--overwrite",
    ".ogdc",
    "..",
]


@pytest.mark.parametrize("name", NAMES)
def test_invalid_recipe_names_are_rejected(stack: Stack, tmp_path: Path, name: str) -> None:
    meta = good_meta(name=name, input=inputs({"type": "file", "path": "w"}))
    directory = make_recipe(tmp_path / "named", files={"meta.yml": json.dumps(meta), "w": "w"})
    with stack.leaving_nothing():
        done = stack.cli("submit", str(directory), cwd=tmp_path)
        reply = stack.api("POST", "/submit", body={"recipe_path": str(directory)})
    assert (done.code, reply.status) == (1, 422)
    assert "meta.yml: name: " in done.err
    assert "meta.yml: name: " in reply.detail


@pytest.mark.parametrize("glob", [f"*;{TOUCH}", "$(touch *)", "{{workflow.name}}"])
def test_globs_reach_no_shell_and_no_manifest(stack: Stack, recipe, glob: str) -> None:
    param = {"type": "pvc_mount", "claim_name": WORKFLOW_CLAIM, "path": "/", "glob": glob}
    done = stack.cli("compile", str(recipe("globs", params=[param])))
    assert (done.code, "kind: Workflow" in done.out) == (0, True), done.err
    assert glob not in done.out
    assert TOUCH not in done.out


def test_a_glob_that_leaves_its_volume_is_rejected(stack: Stack, recipe) -> None:
    param = {"type": "pvc_mount", "claim_name": WORKFLOW_CLAIM, "path": "/", "glob": "../../../etc/*"}
    done = stack.cli("compile", str(recipe("globs", params=[param])))
    assert (done.code, done.out) == (1, "")
    assert "'../../../etc/*' leaves the volume" in done.err


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", f"$({TOUCH})", "a/../../runs", "x?tail=1", "x#y", "%2e%2e", "x'--"]
)
def test_invalid_run_names_are_unknown_runs(stack: Stack, name: str) -> None:
    done = stack.cli("logs", name)
    assert done.code == 1
    assert done.err.startswith("Error: There is no run named")
    for path in ("/status/{}", "/runs/{}", "/runs/{}/logs", "/output/{}"):
        assert stack.api("GET", path.format(quote(name, safe=""))).status == 404


def test_users_and_filters_are_data(stack: Stack, recipe) -> None:
    user = "Robert'); DROP TABLE runs; --"
    submitted = stack.cli("submit", "--wait", "--json", str(recipe("by bobby")), OGDC_USER=user)
    assert submitted.json()["submitted_by"] == user
    assert submitted.json()["name"] in stack.cli("list", "--user", user).out
    assert stack.cli("list", "--recipe", "' OR '1'='1").out == "No runs.\n"
    assert stack.cli("list", "--user", "%").out == "No runs.\n"


@pytest.mark.parametrize(
    ("repository", "ref"),
    [
        (f"ext::sh -c touch% {CANARY}", "main"),
        (".", f"--upload-pack=touch {CANARY}"),
        (".", f"main; touch {CANARY}"),
        (f"ssh://-oProxyCommand=touch%20{CANARY}/x", "main"),
    ],
)
def test_repositories_and_refs_are_data(stack: Stack, tmp_path: Path, repository: str, ref: str) -> None:
    done = stack.cli("validate-all-recipes", f"--ref={ref}", "--", repository, cwd=tmp_path)
    assert done.code == 1
    assert "cannot be fetched" in done.err


def test_archives_do_not_unpack_outside(stack: Stack, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("meta.yml", "name: evil\n")
        archive.writestr(f"../../{CANARY}", "x")
    with stack.leaving_nothing():
        done = stack.cli("submit", str(tmp_path / "evil.zip"))
        body = (tmp_path / "evil.zip").read_bytes()
        reply = stack.api("POST", "/submit", body=body, headers={"Content-Type": "application/zip"})
    assert (done.code, reply.status) == (1, 422)
    assert f"../../{CANARY}" in done.err


def test_a_command_that_kills_its_worker_fails_and_the_run_says_so(stack: Stack, recipe) -> None:
    done = stack.cli("run", str(recipe("kills", "kill -9 $PPID", retries=0)))
    assert done.code == 1
    assert "worker was killed (SIGKILL) at command 1 of 1: kill -9 $PPID" in done.err, done.err


_TRACE = "import ctypes, sys; print(ctypes.CDLL(None).ptrace(16, int(sys.argv[1]), 0, 0), end=str())"


def test_commands_cannot_trace_or_read_their_worker(stack: Stack, recipe) -> None:
    lines = (
        f"test -d /proc/$PPID; python3 -c '{_TRACE}' $PPID > /output_dir/traced",
        "cp /input_dir/* /output_dir/; cat /proc/$PPID/mem /proc/$PPID/environ >> /output_dir/traced || :",
    )
    assert run_and_look(stack, recipe("traces", *lines, retries=0))["traced"] == b"-1"
