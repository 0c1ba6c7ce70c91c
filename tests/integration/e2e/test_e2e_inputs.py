"""Logins, secrets and the input cache of the local stack: of use to a run, out of its commands' reach."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.http import Answer, FileServer, Request
from support.stack import Stack

LOGIN = "Basic " + base64.b64encode(b"ann:n3trc-pw").decode()
LOOK = (
    "cp /input_dir/* /output_dir/; ls /ogdc > /output_dir/seen",
    "cp /input_dir/* /output_dir/; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline >> /output_dir/seen || true",
    'cp /input_dir/* /output_dir/; echo "token is $EDL_TOKEN"; [ "$EDL_TOKEN" = t0ken-of-mine ]',
)


@pytest.fixture
def private(stack: Stack) -> Iterator[Path]:
    """The user's logins and a secret."""
    home = stack.root / "home"
    secret = home / ".config/ogdc-runner/secrets/earthdata"
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text("export EDL_TOKEN='t0ken-of-mine'\n")
    (home / ".netrc").write_text("machine 127.0.0.1 login ann password n3trc-pw\n")
    for path in (secret, home / ".netrc"):
        path.chmod(0o600)
    yield home
    for path in (secret, home / ".netrc"):
        path.unlink()


@pytest.fixture
def guarded(server: FileServer) -> str:
    """A file that only Ann may fetch, and whose server knows whether it is still the same."""

    def answer(request: Request) -> Answer:
        if request.headers.get("Authorization") != LOGIN:
            return Answer(status=401)
        same = request.headers.get("If-None-Match") == '"1"'
        return (
            Answer(status=304, headers={"ETag": '"1"'})
            if same
            else Answer(body=b"ice", headers={"ETag": '"1"'})
        )

    server.routes["/guarded.csv"] = answer
    return f"{server.url}/guarded.csv?token=s3cr3t-in-url"


def test_logins_secrets_and_the_cache_are_used_but_hidden_from_commands(
    stack: Stack, recipe, private: Path, guarded: str, server: FileServer, tmp_path: Path
) -> None:
    made = recipe("guarded", *LOOK, params=[{"type": "url", "value": guarded}], secrets=["earthdata"])
    for option in ((), (), ("--no-cache",)):
        done = stack.cli("run", *option, "--output-dir", str(tmp_path / "out"), str(made))
        assert done.code == 0, done
    statuses = [request.status for request in server.requests if request.path == "/guarded.csv"]
    assert statuses == [200, 304, 200]
    (first, *_) = (tmp_path / "out").iterdir()
    seen = (first / "seen").read_bytes().decode(errors="replace")
    assert (first / "guarded.csv").read_text() == "ice"
    name = first.name
    output = seen + done.out + done.err
    output += "".join(stack.cli(*words, name).out for words in (["logs", "--raw"], ["status", "--json"]))
    assert "token is ***" in output
    for hidden in ("n3trc-pw", "s3cr3t-in-url", "credentials", "cache\n"):
        assert hidden not in output
    assert "t0ken-of-mine" not in output.replace(seen, "")


@pytest.mark.parametrize("reached_for", ["cache", "credentials"])
def test_a_task_that_restarts_itself_cannot_reach_logins_or_cache(
    stack: Stack, recipe, private: Path, guarded: str, reached_for: str, tmp_path: Path
) -> None:
    """A command leads the next fetch astray by what it leaves in its workspace, and forges the checkpoint."""
    plant = (
        f": > /mnt/workflow/checkpoint; rm -r /input_dir/*; mkdir /mnt/workflow/fetch; "
        f"ln -s /ogdc/{reached_for} /mnt/workflow/fetch/0; exit 1"
    )
    look = f"find /mnt/workflow -mindepth 2 -type f; [ -e /input_dir/guarded.csv ]; {plant}"
    made = recipe(f"astray {reached_for}", look, params=[{"type": "url", "value": guarded}])
    failed = stack.cli("run", "--json", str(made), cwd=tmp_path)
    name = failed.json()["name"]
    stack.cli("retry", "--wait", name)
    output = stack.cli("logs", "--raw", name).out
    assert output.count('"name": "guarded.csv"') == 2
    for hidden in ("about.json", "body", "netrc"):
        assert hidden not in output


def test_credential_files_readable_by_others_are_rejected(
    stack: Stack, recipe, private: Path, guarded: str, tmp_path: Path
) -> None:
    (private / ".netrc").chmod(0o644)
    (private / ".config/ogdc-runner/secrets/earthdata").chmod(0o640)
    refused = stack.cli(
        "run", str(recipe("open netrc", params=[{"type": "url", "value": guarded}])), cwd=tmp_path
    )
    assert "401" in refused.err
    assert "chmod 600" in refused.err
    refused = stack.cli("run", str(recipe("open secret", secrets=["earthdata"])), cwd=tmp_path)
    assert "secrets/earthdata was not used, since others may read it" in refused.err


def test_a_slow_fetch_reports_its_progress(stack: Stack, recipe, tmp_path: Path) -> None:
    from support.trickle import trickling_body

    with trickling_body(size=60, every=0.1) as url:
        made = recipe("slow fetch", params=[{"type": "url", "value": f"{url}/slow.bin"}])
        done = stack.cli("run", "--no-cache", str(made), cwd=tmp_path)
    assert done.code == 0, done
    assert "fetching http://127.0.0.1" in done.err
    assert "of 60 B" in done.err
