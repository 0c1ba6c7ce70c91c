"""A fake Argo Server that keeps workflows Pending: the local engine without capacity for pods.

It runs as its own process (`python -m benchmarks.argo SOCKET_DESCRIPTOR DIRECTORY NAMESPACE CLAIM`), so
that its work is not measured as the submit service's. It ends when its standard input is closed.
"""

from __future__ import annotations

import gc
import socket
import sys
from pathlib import Path

from ogdc_local.engine import Engine
from ogdc_local.sandbox.plain import Plain
from ogdc_local.stack.server import Server

_GARBAGE = 50_000
"""As in the local stack's process."""
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
    gc.set_threshold(_GARBAGE)
    engine.start()
    try:
        with Server(socket.socket(fileno=int(descriptor)), engine.wsgi, threads=_THREADS):
            sys.stdin.read()
    finally:
        engine.stop()


if __name__ == "__main__":
    main()
