from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ogdc_local.sandbox import Container, Mount, probe
from ogdc_local.sandbox.bubblewrap import Bubblewrap
from ogdc_local.sandbox.containers import Containers
from ogdc_local.sandbox.interpreter import module_paths, read_only_paths, worker_command
from ogdc_shared.errors import ConfigurationError

CONTAINER = Container(
    name="w-1",
    image="example.org/worker:1",
    argv=("ogdc-worker", "process"),
    env={"A": "b c"},
    mounts=(
        Mount(Path("/data/in"), "/input_dir"),
        Mount(Path("/data/plan,1.json"), "/ogdc/plan.json", writable=False),
    ),
)


def pairs(command: list[str], option: str) -> list[str]:
    return [command[index + 1] for index, word in enumerate(command) if word == option]


def bubblewrap(drop_to: int | None, **environ: str) -> list[str]:
    return Bubblewrap(Path("/usr/bin/bwrap"), environ=environ, drop_to=drop_to).command(
        CONTAINER, status_fd=9
    )


def test_a_user_gets_a_namespace_and_no_capability() -> None:
    command = bubblewrap(None)
    for option in ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--new-session"):
        assert option in command
    assert pairs(command, "--cap-drop") == ["ALL"]
    assert "--cap-add" not in command
    assert "setpriv" not in command


def test_root_drops_its_privileges_before_the_command() -> None:
    command = bubblewrap(65534)
    assert "--unshare-user" not in command
    inside = command[command.index("--") + 1 :]
    assert inside[:8] == [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
        "--inh-caps=-all",
        worker_command(("process",))[0],
    ]


def test_only_what_a_task_needs_of_the_environment_is_passed_on() -> None:
    command = bubblewrap(None, HTTPS_PROXY="http://p:1", AWS_SECRET_ACCESS_KEY="x", HOME="/root", TZ="UTC")
    assert pairs(command, "--setenv") == ["PATH", "HOME", "LANG", "HTTPS_PROXY", "TZ", "A"]
    assert "--clearenv" in command
    assert "x" not in command


def test_a_certificate_file_of_the_users_own_is_shown(tmp_path: Path) -> None:
    own = tmp_path / "ca.pem"
    own.touch()
    assert str(own) in pairs(bubblewrap(None, SSL_CERT_FILE=str(own)), "--ro-bind")
    usual = "/etc/ssl/certs/ca-certificates.crt"
    assert usual not in pairs(bubblewrap(None, SSL_CERT_FILE=usual), "--ro-bind")


def test_outer_mounts_come_before_those_inside_them() -> None:
    mounts = (Mount(Path("/b"), "/mnt/a/b"), Mount(Path("/a"), "/mnt/a", writable=False))
    sandbox = Bubblewrap(Path("bwrap"), environ={}, drop_to=None)
    command = sandbox.command(CONTAINER._replace(mounts=mounts), status_fd=9)
    assert command.index("/mnt/a") < command.index("/mnt/a/b")
    assert pairs(command, "--bind") == ["/b"]


def test_every_directory_the_worker_needs_is_visible_once() -> None:
    paths = read_only_paths()
    for needed in module_paths():
        assert any(needed == path or path in needed.parents for path in paths)
    assert not [path for path in paths for other in paths if other in path.parents]


def test_docker_runs_the_image_with_minimal_privileges() -> None:
    command = Containers(Path("/usr/bin/docker"), environ={"NO_PROXY": "x"}, label="l").command(CONTAINER)
    assert command[:4] == ["/usr/bin/docker", "run", "--rm", "--name"]
    assert pairs(command, "--label") == ["ogdc.engine=l"]
    assert pairs(command, "--cap-drop") == ["ALL"]
    assert pairs(command, "--network") == ["none"]
    assert pairs(command, "--env") == ["HOME=/tmp", "NO_PROXY=x", "A=b c"]
    assert pairs(command, "--mount") == [
        "type=bind,source=/data/in,target=/input_dir",
        'type=bind,"source=/data/plan,1.json",target=/ogdc/plan.json,readonly',
    ]
    assert command[-4:] == ["--entrypoint", "ogdc-worker", "example.org/worker:1", "process"]


@pytest.mark.parametrize(("uid", "mapped"), [(1000, ["keep-id"]), (0, [])])
def test_podman_keeps_the_users_id_where_it_maps_any(
    uid: int, mapped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getuid", lambda: uid)
    command = Containers(Path("/usr/bin/podman"), environ={}, label="l").command(CONTAINER)
    assert pairs(command, "--userns") == mapped


@pytest.mark.parametrize("client", ["docker", "podman"])
def test_what_root_starts_does_not_run_as_root(client: str) -> None:
    sandbox = Containers(Path("/usr/bin", client), environ={}, label="l", drop_to=65534)
    assert pairs(sandbox.command(CONTAINER), "--user") == ["65534:65534"]
    assert sandbox.owner == 65534


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="OGDC_SANDBOX='chroot': give one of auto, bubblewrap"):
        probe(environ={"OGDC_SANDBOX": "chroot"}, label="l")


def test_without_any_sandbox_the_message_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="apt install bubblewrap") as caught:
        probe(environ={"OGDC_SANDBOX": "docker", "PATH": str(tmp_path)}, label="l")
    assert "OGDC_SANDBOX=none" in str(caught.value)


def test_a_client_that_does_not_work_is_named_with_what_it_said(tmp_path: Path) -> None:
    client = tmp_path / "podman"
    client.write_text("#!/bin/sh\necho 'no daemon here' >&2; exit 3\n")
    client.chmod(0o755)
    with pytest.raises(ConfigurationError, match="podman: no daemon here"):
        probe(environ={"OGDC_SANDBOX": "podman", "PATH": str(tmp_path)}, label="l")


@pytest.mark.skipif(not Path("/usr/bin/bwrap").exists(), reason="there is no bubblewrap")
def test_without_network_namespaces_it_is_said_that_those_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(command: list[str], *, env: dict[str, str] | None) -> str | None:
        return "not permitted" if "--unshare-net" in command else None

    monkeypatch.setattr(sys.modules[probe.__module__], "_try", refuse)
    with pytest.raises(ConfigurationError, match=r"not permitted.*allows no network namespaces"):
        probe(environ={"OGDC_SANDBOX": "bubblewrap", "PATH": "/usr/bin:/bin"}, label="l")


def test_running_without_a_sandbox_must_be_requested() -> None:
    sandbox = probe(environ={"OGDC_SANDBOX": "none"}, label="l")
    assert (sandbox.name, sandbox.slots) == ("none", 1)
