"""The body of a call that sends an object: made a piece at a time, of a length that is known before.

Source: RFC 7578. Metacat 3.3 checks an object while it stores it where the system metadata come before it.
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
    """The object's identifier, `sysmeta` and `object`, in that order."""

    def __init__(self, member: Member, *, field: str, system_metadata: bytes, file: Path) -> None:
        """The file is read when it is sent.

        Args:
            member: The object.
            field: Name of the field with its identifier in this call.
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
        """Bytes of it all."""
        return len(self._before) + self._member.size + len(self._after)

    def __iter__(self) -> Iterator[bytes]:
        """Yield it; what the file does not hold as it did leaves the body without its end.

        Raises:
            InvalidRequestError: the file was changed since the package was made, or cannot be read.
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
            held += piece  # a small object is one piece with all that is around it
        if left or digest.hexdigest() != self._member.sha256:
            raise InvalidRequestError(
                f"{self._file} was changed since the package was made. Remove the package's directory, and "
                "publish again."
            )
        yield held + self._after

    def _pieces(self) -> Iterator[bytes]:
        """The file; an OSError would pass for one of the connection."""
        try:
            with self._file.open("rb", buffering=0) as file:
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as exc:
            raise InvalidRequestError(f"{self._file} cannot be read: {exc.strerror}.") from exc


class Form:
    """Fields alone, as calls take them that send no object."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """Take names and values that hold neither quotes nor line ends."""
        boundary = uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        parts = (_field(boundary, name, value) for name, value in fields.items())
        self._content = b"".join(parts) + f"--{boundary}--\r\n".encode()
        self.length = len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        """Yield it."""
        yield self._content


def _field(boundary: str, name: str, value: str) -> bytes:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def _heading(boundary: str, name: str) -> bytes:
    """That of a part which is a file."""
    disposition = f'form-data; name="{name}"; filename="{name}"'
    kind = "application/octet-stream"
    return f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: {kind}\r\n\r\n".encode()
