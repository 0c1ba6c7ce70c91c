"""Responses with RO-Crates, which are written to disk first and then streamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

from flask import Response

from ogdc_functions.http.routing import Call
from ogdc_shared.context import Context
from ogdc_shared.layout import CRATE_METADATA
from ogdc_shared.runs.provenance import export_crate

_JSON, _ZIP = "application/ld+json", "application/zip"
_PIECE = 1 << 20


def crate_response(context: Context, call: Call, name: str) -> Response:
    """Answer with the crate of a run, or only its metadata if the caller prefers JSON-LD."""
    wants_json = call.request.accept_mimetypes.best_match((_ZIP, _JSON), default=_ZIP) == _JSON
    with TemporaryDirectory(prefix="ogdc-crate-") as directory:
        export_crate(context, name, Path(directory), caller=call.caller)
        file = _opened(Path(directory, CRATE_METADATA)) if wants_json else _zipped(Path(directory))
    response = Response(_pieces(file), content_type=_JSON if wants_json else _ZIP)
    if not wants_json:
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.provenance.zip"'
    return response


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


def _zipped(directory: Path) -> IO[bytes]:
    """Pack a directory into a temporary file."""
    file = TemporaryFile()  # noqa: SIM115  the reader closes it
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(directory.rglob("*")):
            archive.write(path, path.relative_to(directory).as_posix())
    file.seek(0)
    return file


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
