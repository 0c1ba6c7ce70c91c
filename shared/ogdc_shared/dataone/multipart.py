"""The body of a request that sends an object, streamed in pieces, with its length known in advance.

Source: RFC 7578. Metacat 3.3 verifies an object while storing it if the system metadata come first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from ogdc_shared.errors import InvalidRequestError

if TYPE_CHECKING:
    from ogdc_shared.dataone.member import Member

_PIECE = 1 << 18


class Multipart:
    """The fields of a request that sends an object: its identifier, `sysmeta` and `object`, in that order."""

    def __init__(self, member: Member, *, field: str, system_metadata: bytes, file: Path) -> None:
        """Prepare the body; the file is only read when it is sent.

        Args:
            member: The object.
            field: Name of the field with the identifier: `pid` or `newPid`.
            system_metadata: Its system metadata.
            file: Its content.
        """
        boundary = uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._member = member
        self._file = file
        self._before = (
            _field(boundary, field, member.pid)
            + _heading(boundary, "sysmeta")
            + system_metadata
            + b"\r\n"
            + _heading(boundary, "object")
        )
        self._after = f"\r\n--{boundary}--\r\n".encode()

    @property
    def length(self) -> int:
        """Size of the body in bytes."""
        return len(self._before) + self._member.size + len(self._after)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body. If the file was changed, its end is not sent, so the node rejects the request.

        Raises:
            InvalidRequestError: the file was changed after the package was made, or cannot be read.
        """
        digest, left, held = hashlib.sha256(), self._member.size, self._before
        for piece in self._pieces():
            digest.update(piece)
            left -= len(piece)
            if left < 0:
                break
            if len(held) + len(piece) > _PIECE:
                yield held
                held = b""
            held += piece  # so a small object is sent in one piece with all its fields
        if left or digest.hexdigest() != self._member.sha256:
            raise InvalidRequestError(
                f"{self._file} was changed after the package was made: it should have {self._member.size:,} "
                f"bytes and the SHA-256 {self._member.sha256}. Remove the package's directory and publish "
                "again."
            )
        yield held + self._after

    def _pieces(self) -> Iterator[bytes]:
        """Yield the file in pieces. An OSError is converted, or urllib3 would take it for a network error."""
        try:
            with self._file.open("rb", buffering=0) as file:
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as exc:
            raise InvalidRequestError(f"{self._file} cannot be read: {exc.strerror}.") from exc


class Form:
    """The body of a request with fields only, without an object."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """Encode the fields; names and values must not contain quotes or line ends."""
        boundary = uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        parts = (_field(boundary, name, value) for name, value in fields.items())
        self._content = b"".join(parts) + f"--{boundary}--\r\n".encode()
        self.length = len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body."""
        yield self._content


def _field(boundary: str, name: str, value: str) -> bytes:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def _heading(boundary: str, name: str) -> bytes:
    """Return the heading of a part that is a file."""
    disposition = f'form-data; name="{name}"; filename="{name}"'
    kind = "application/octet-stream"
    return f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: {kind}\r\n\r\n".encode()
