"""What a task can reach of its machine: its own loopback, and nothing of the machine's."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ogdc_local.sandbox import Container, ContainerSequence, Exit, Sandbox, probe
from support.engine import own_label

_REACH = """
import socket, sys
family, address = sys.argv[1], sys.argv[2]
try:
    if family == "tcp":
        socket.create_connection(("127.0.0.1", int(address)), timeout=5)
    else:
        socket.socket(socket.AF_UNIX).connect("\\0" + address)
except OSError as exc:
    sys.exit(f"refused: {exc}")
print("reached")
"""
_OWN_LOOPBACK = """
import socket, threading
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=lambda: listener.accept()[0].sendall(b"hello"), daemon=True).start()
print(socket.create_connection(listener.getsockname()).recv(9).decode())
"""
_NAMESPACE = "import os; print(os.readlink('/proc/self/ns/net'))"


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return probe(environ=os.environ | {"OGDC_SANDBOX": "bubblewrap"}, label=own_label())


@pytest.fixture
def services() -> Iterator[list[tuple[str, str]]]:
    """A service on the machine's loopback and one on an abstract socket."""
    name = f"ogdc-test-{os.getpid()}"
    with closing(socket.create_server(("127.0.0.1", 0))) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(f"\0{name}")
        unix.listen()
        yield [("tcp", str(tcp.getsockname()[1])), ("unix", name)]


def run(sandbox: Sandbox, log: Path, *containers: Container) -> tuple[Exit, str]:
    with log.open("wb") as file:
        task = ContainerSequence(sandbox, containers, log=file.fileno())
    while True:
        descriptor = task.pidfd()
        assert descriptor is not None
        assert select.select([descriptor], [], [], 20)[0], "it does not end"
        if (ended := task.poll()) is not None:
            return ended, log.read_text()


def python(program: str, *arguments: str, network: bool = False, name: str = "t") -> Container:
    argv = ("/usr/bin/python3", "-c", program, *arguments)
    return Container(name=name, image="", argv=argv, env={}, mounts=(), network=network)


def test_services_of_the_machine_are_unreachable(
    sandbox: Sandbox, tmp_path: Path, services: list[tuple[str, str]]
) -> None:
    for service in services:
        ended, output = run(sandbox, tmp_path / "log", python(_REACH, *service))
        assert (ended.code, output[:8]) == (1, "refused:"), service


def test_the_phase_that_fetches_inputs_reaches_servers(
    sandbox: Sandbox, tmp_path: Path, services: list[tuple[str, str]]
) -> None:
    assert run(sandbox, tmp_path / "log", python(_REACH, *services[0], network=True)) == (
        Exit(0),
        "reached\n",
    )


def test_a_tasks_programs_can_talk_to_each_other(sandbox: Sandbox, tmp_path: Path) -> None:
    assert run(sandbox, tmp_path / "log", python(_OWN_LOOPBACK)) == (Exit(0), "hello\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="for an ordinary user bubblewrap makes the namespaces")
def test_a_network_namespace_is_used_again_only_if_no_task_has_used_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    programs = (_NAMESPACE, _NAMESPACE, f"{_OWN_LOOPBACK}\n{_NAMESPACE}", _NAMESPACE)
    first, second, third, fourth = (
        run(sandbox, tmp_path / "log", python(program))[1].splitlines() for program in programs
    )
    assert first == second == third[1:] != fourth
    assert f"net:[{os.stat('/proc/self/ns/net').st_ino}]" not in (*first, *fourth)


def test_only_the_first_of_the_phases_has_a_network(
    sandbox: Sandbox, tmp_path: Path, services: list[tuple[str, str]]
) -> None:
    first = python(_REACH, *services[0], network=True, name="first")
    ended, output = run(sandbox, tmp_path / "log", first, python(_REACH, *services[0]))
    assert ended.code == 1
    assert output.startswith("reached\nrefused:")


def test_a_failed_phase_ends_the_task(sandbox: Sandbox, tmp_path: Path) -> None:
    phases = python("import sys; sys.exit(75)"), python("print('went on')")
    assert run(sandbox, tmp_path / "log", *phases) == (Exit(75), "")


def test_a_task_that_is_stopped_between_its_phases_has_not_succeeded(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("wb") as log:
        task = ContainerSequence(sandbox, (python("pass"), python("print('went on')")), log=log.fileno())
    descriptor = task.pidfd()
    assert descriptor is not None
    select.select([descriptor], [], [], 20)
    task.terminate()
    assert task.poll() == Exit(143)
    assert (tmp_path / "log").read_text() == ""
