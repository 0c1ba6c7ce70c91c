"""Stacks under adverse conditions: a small disk, own certificates, kills and restarts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certificates import Certificate, self_signed
from support.http import FileServer
from support.stack import Stack, run_cli, user_environment, wait_until

VOLUME_BYTES = 2 << 20
_MOUNT = f'mount -t tmpfs -o size={VOLUME_BYTES},mode=755 volume "$0" && exec setpriv --inh-caps=-all "$@"'


def small_volume(volume: Path) -> list[str]:
    """Words in front of a command that sees a small disk at `volume`; skips where none can be mounted."""
    volume.mkdir(parents=True)
    mine = ["--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        mine += ["--user", "--map-current-user", "--keep-caps"]
    words = ["unshare", *mine, "--", "sh", "-c", _MOUNT, str(volume)]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here")
    return words


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def own_stack(certificate: Certificate) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="ogdc-own-") as directory:
        root = Path(directory)
        root.chmod(0o755)
        prefix = small_volume(root / "s" / "volume")
        with Stack(root, prefix=prefix, REQUESTS_CA_BUNDLE=str(certificate.path), SSL_CERT_FILE="") as stack:
            yield stack


def test_run_on_a_full_disk_says_so_and_goes_on_when_there_is_room(
    own_stack: Stack, recipe, tmp_path: Path
) -> None:
    volume = Path(f"/proc/{own_stack.pid}/root") / own_stack.paths.volume.relative_to("/")
    ballast = volume / "ballast"
    ballast.write_bytes(bytes(VOLUME_BYTES - (256 << 10)))
    noise = os.urandom(512 << 10)
    directory = recipe(
        "large input",
        params=[{"type": "file", "path": "noise"}],
        files={"noise": noise},
        retries=0,
        output="pvc",
    )
    failed = own_stack.cli("submit", "--wait", str(directory))
    assert failed.code == 1
    assert "No room is left on the disk" in failed.err
    assert "Free some, or ask for more; then try again." in failed.err
    name = failed.err.split()[-1]
    assert not (volume / "large-input").exists()
    ballast.unlink()
    assert own_stack.cli("retry", "--wait", name).code == 0
    assert (volume / "large-input" / "noise").read_bytes() == noise


def test_authors_own_authority_is_trusted_in_the_sandbox(
    own_stack: Stack, recipe, certificate: Certificate, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    with FileServer(tmp_path, tls=certificate.context) as server:
        params = [{"type": "url", "value": f"{server.url}/a.csv"}]
        done = own_stack.cli("submit", "--wait", str(recipe("trusted", params=params)))
    assert done.code == 0, done


def test_an_untrusted_certificate_fails_immediately(
    stack: Stack, recipe, certificate: Certificate, tmp_path: Path
) -> None:
    with FileServer(tmp_path, tls=certificate.context) as server:
        url = f"{server.url}/a.csv"
        done = stack.cli(
            "submit", "--wait", str(recipe("not trusted", params=[{"type": "url", "value": url}]))
        )
    assert done.code == 1
    assert f"'{url}' cannot be fetched: its server's certificate is not trusted" in done.err
    assert "SSL_CERT_FILE" in done.err


def test_waiting_survives_the_stack_being_killed_and_started_again(
    stack: Stack, recipe, tmp_path: Path
) -> None:
    directory = recipe(
        "survivor", "echo once >> /output_dir/count", "sleep 2; cp /input_dir/count /output_dir/"
    )
    waiting = stack.start_cli("submit", "--wait", "--json", str(directory))
    wait_until(lambda: stack.api("GET", "/runs?status=Running&recipe_id=survivor").body["runs"])
    waiting.send_signal(signal.SIGSTOP)  # it waits for 15 seconds, and a start may take longer
    os.kill(stack.pid, signal.SIGKILL)
    wait_until(lambda: set(stack.processes()) <= {waiting.pid})
    stack.up()
    waiting.send_signal(signal.SIGCONT)
    out, err = waiting.communicate(timeout=300)
    assert waiting.returncode == 0, err
    assert stack.cli("get-output", json.loads(out)["name"], cwd=tmp_path).code == 0
    assert zipfile.ZipFile(tmp_path / "survivor.zip").read("count") == b"once\n"


def test_up_and_down_say_what_they_did(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ogdc-up-") as root:
        environ = user_environment(tmp_path / "home", OGDC_STATE_DIR=root)
        try:
            up = run_cli("up", environ=environ, cwd=tmp_path)
            again = run_cli("up", environ=environ, cwd=tmp_path)
            empty = run_cli("list", environ=environ, cwd=tmp_path)
        finally:
            down = run_cli("down", environ=environ, cwd=tmp_path)
        assert up.out == again.out
        assert up.out.startswith("The stack is up: http://127.0.0.1:")
        assert empty.out == "No runs.\n"
        assert down.out == "The stack is down.\n"
        assert run_cli("down", environ=environ, cwd=tmp_path).out == "No stack was up.\n"
        try:
            assert run_cli("list", environ=environ, cwd=tmp_path).out == "No runs.\n", "it was started again"
        finally:
            assert run_cli("down", environ=environ, cwd=tmp_path).out == "The stack is down.\n"
