"""A real FTP server for tests, as small as one can be: it hands out files to whoever asks.

::

    with ftp_server({"data/a.csv": b"1,2"}) as url:
        fetch(f"{url}/data/a.csv")
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def ftp_server(
    files: Mapping[str, bytes], *, cut: int | None = None, replies: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Serve files.

    Args:
        files: Path, as Latin-1 has its bytes → content.
        cut: The connection ends after so many bytes of a file.
        replies: Verb → what is answered to it instead; as `HELLO` the greeting, as
            `SENDING` and `DONE` what is said before and after a file.

    Yields:
        A URL.
    """
    special = replies or {}

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say(special.get("HELLO", "220 hello"))
            with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as data:
                for line in self.rfile:
                    verb, _, argument = line.decode("latin-1").strip().partition(" ")
                    if verb in special:
                        self.say(special[verb])
                    else:
                        self.answer(verb, argument, data)

        def answer(self, verb: str, argument: str, data: socketserver.TCPServer) -> None:
            port = data.server_address[1]
            if verb == "EPSV":
                self.say(f"229 enter (|||{port}|)")
            elif verb == "PASV":
                self.say(f"227 enter (127,0,0,1,{port // 256},{port % 256})")
            elif verb == "RETR" and argument in files:
                self.say(special.get("SENDING", f"150 sending ({len(files[argument])} bytes)"))
                connection, _ = data.get_request()
                with connection:
                    connection.sendall(files[argument][:cut])
                self.say(special.get("DONE", "226 done" if cut is None else "426 aborted"))
            elif verb == "SIZE" and argument in files:
                self.say(f"213 {len(files[argument])}")
            elif verb == "RETR":
                self.say("550 no such file")
            else:
                self.say({"USER": "331 password", "PASS": "230 in"}.get(verb, "200 fine"))

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode("latin-1"))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"ftp://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
