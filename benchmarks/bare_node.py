"""A minimal DataONE member node on loopback that keeps only the metadata of objects, not their content.

    python bare_node.py

It prints its port, and serves until it is terminated. It isolates the client's share of the cost of sending.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote

_PIECE = 1 << 20
_PID = re.compile(rb'name="pid"\r\n\r\n([^\r]+)\r\n')
_SIZE, _FORMAT = re.compile(rb"<size>(\d+)<"), re.compile(rb"<formatId>([^<]+)<")
_CHECKSUM = re.compile(rb'<checksum algorithm="([^"]+)">([^<]+)<')
_LISTED = (
    "<objectInfo><identifier>{0}</identifier><formatId>{3}</formatId>"
    '<checksum algorithm="SHA-256">{2}</checksum><size>{1}</size></objectInfo>'
)
_KEPT: dict[str, dict[str, str]] = {}
_ARRIVED: dict[str, float] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_HEAD(self) -> None:
        kept = _KEPT.get(unquote(self.path.rpartition("/")[2]))
        self._answer(404 if kept is None else 200, kept or {"Content-Length": "0"})

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if not path.endswith("/object"):
            self.do_HEAD()
            return
        asked = dict(parse_qsl(query))
        since, start = datetime.fromisoformat(asked["fromDate"]).timestamp(), int(asked["start"])
        shown = [(pid, kept) for pid, kept in list(_KEPT.items()) if _ARRIVED[pid] >= since]
        page = shown[start : start + int(asked["count"])]
        listed = "".join(_LISTED.format(pid, *kept.values()) for pid, kept in page).replace("SHA-256,", "")
        body = f'<objectList total="{len(shown)}">{listed}</objectList>'.encode()
        self._answer(200, {"Content-Length": str(len(body))})
        self.wfile.write(body)

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
        _ARRIVED[pid[1].decode()] = time.time()
        _KEPT[pid[1].decode()] = {
            "Content-Length": size[1].decode(),
            "DataONE-Checksum": b",".join(checksum.groups()).decode(),
            "DataONE-FormatId": format_id[1].decode(),
        }
        self._answer(200, {"Content-Length": "0"})

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        self.send_header("Date", self.date_time_string())
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def main() -> None:
    """Serve."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


main()
