"""A program: a member node on loopback that keeps of each object what a HEAD tells, and throws away the rest.

    python bare_node.py

It prints its port, and serves until it is terminated. What it costs to send to it is what sending costs.
"""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

_PIECE = 1 << 20
_PID = re.compile(rb'name="pid"\r\n\r\n([^\r]+)\r\n')
_SIZE, _FORMAT = re.compile(rb"<size>(\d+)<"), re.compile(rb"<formatId>([^<]+)<")
_CHECKSUM = re.compile(rb'<checksum algorithm="([^"]+)">([^<]+)<')
_KEPT: dict[str, dict[str, str]] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_HEAD(self) -> None:
        kept = _KEPT.get(unquote(self.path.rpartition("/")[2]))
        self._answer(404 if kept is None else 200, kept or {"Content-Length": "0"})

    do_GET = do_HEAD  # noqa: N815

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        head = self.rfile.read(min(left, 1 << 13))
        left -= len(head)
        while left:
            left -= len(self.rfile.read(min(left, _PIECE)))
        pid, size, checksum, format_id = (
            pattern.search(head) for pattern in (_PID, _SIZE, _CHECKSUM, _FORMAT)
        )
        assert pid
        assert size
        assert checksum
        assert format_id
        _KEPT[pid[1].decode()] = {
            "Content-Length": size[1].decode(),
            "DataONE-Checksum": b",".join(checksum.groups()).decode(),
            "DataONE-FormatId": format_id[1].decode(),
        }
        self._answer(200, {"Content-Length": "0"})

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def main() -> None:
    """Serve."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


main()
