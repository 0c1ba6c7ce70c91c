"""A recipe that names a service of this machine: its commands reach only that service."""

from __future__ import annotations

import textwrap
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.http import Answer, FileServer
from support.stack import Stack

LOOK = textwrap.dedent("""
    import errno, os, socket, sys, urllib.request
    named, ports = int(sys.argv[1]), {int(port) for port in sys.argv[2:]}

    def open_port(port):
        with socket.socket() as client:
            # A port the kernel gives to this very socket is not somebody's: it has connected to itself.
            return client.connect_ex(("127.0.0.1", port)) == 0 and client.getsockname()[1] != port

    def through_the_socket(port):
        with socket.socket(socket.AF_UNIX) as way:
            way.connect("/run/ogdc-egress")
            way.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\\r\\n\\r\\n".encode())
            return b" 200 " in way.recv(99)

    def follow(path):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{named}{path}").read().decode()
        except OSError as exc:
            return f"refused: {exc.reason.errno == errno.ECONNREFUSED}"

    proxy = int(os.environ["http_proxy"].rpartition(":")[2])
    print("open", sorted(set(filter(open_port, range(1, 65536))) - {proxy, named}))
    print("led", sorted(filter(through_the_socket, ports | {named})) == [named])
    print("served", follow("/stations.csv"), "redirected", follow("/elsewhere"))
""")


@pytest.fixture
def other(tmp_path: Path) -> FileServer:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/secret").write_text("secret")
    return FileServer(tmp_path / "other")


def test_commands_reach_only_the_service_that_a_line_names(
    stack: Stack, recipe, server: FileServer, other: FileServer, tmp_path: Path
) -> None:
    with other:
        server.routes["/elsewhere"] = lambda _: Answer(302, headers={"Location": f"{other.url}/secret"})
        named, *ports = (urlsplit(url).port for url in (server.url, stack.url, other.url))
        line = f"python3 $RECIPE_DIR/look.py {named} {ports[0]} {ports[1]} > /output_dir/saw"
        directory = recipe(
            "named service",
            f"curl -sSf -o /output_dir/a.csv {server.url}/stations.csv",
            f": http://127.0.0.1:{ports[0]}/; {line}",  # names the stack's own port
            files={"look.py": LOOK},
            strict=False,
        )
        done = stack.cli("run", str(directory), cwd=tmp_path)
    assert done.code == 0, done.err
    assert f"127.0.0.1:{named}" in done.err
    (saw,) = tmp_path.rglob("saw")
    assert saw.read_text() == ("open []\nled True\nserved name,x,y\nA,1,2\n redirected refused: True\n")
    assert other.requests == []


def test_a_recipe_with_network_false_reaches_nothing(
    stack: Stack, recipe, server: FileServer, tmp_path: Path
) -> None:
    line = f"curl -sS {server.url}/stations.csv > /output_dir/a"
    done = stack.cli("run", str(recipe("no network", line, network=False)), cwd=tmp_path)
    assert done.code == 1
    assert "workflow.network: true" in done.out + done.err
