"""An Argo that takes workflows and leaves them Pending: the local engine, with room for no pod.

Run as a process of its own (`python -m benchmarks.argo SOCKET_DESCRIPTOR DIRECTORY NAMESPACE CLAIM`), since
Argo's work is not the submit service's. It ends when its standard input does, hence with whoever started it.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from ogdc_local.engine import Engine
from ogdc_local.sandbox.plain import Plain
from ogdc_local.stack.server import Server

_THREADS = 8


def main() -> None:
    descriptor, directory, namespace, claim = sys.argv[1:]
    root = Path(directory)
    engine = Engine(
        store_path=root / "engine.sqlite",
        artifact_dir=root / "artifacts",
        volumes={claim: root / "volume"},
        log_dir=root / "logs",
        events_url=None,
        namespace=namespace,
        slots=0,
        sandbox=Plain(environ={}),
    )
    engine.start()
    try:
        with Server(socket.socket(fileno=int(descriptor)), engine.wsgi, threads=_THREADS):
            sys.stdin.read()
    finally:
        engine.stop()


if __name__ == "__main__":
    main()
