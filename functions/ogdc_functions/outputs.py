"""Responses with the files of a run's result."""

from __future__ import annotations

from collections.abc import Container
from urllib.parse import quote

from flask import Response

from ogdc_functions.http.file_responses import file_response
from ogdc_functions.http.routing import Call
from ogdc_shared.api import answers, run_routes
from ogdc_shared.context import Context
from ogdc_shared.outputs.output_file import ListedFile, media_type
from ogdc_shared.outputs.thumbnails import thumbnail_path
from ogdc_shared.runs.output_files import list_outputs, open_output


def output_list(context: Context, call: Call, name: str) -> answers.OutputList:
    """Answer with some files of a run's result."""
    query = call.request.args
    limit, after = run_routes.OUTPUTS_LIMIT.read(query), run_routes.AFTER.read(query)
    page = list_outputs(context, name, after=after, limit=limit)
    return answers.OutputList(
        files=[_entry(name, file, page.thumbnails) for file in page.files], next=page.next
    )


def output_response(context: Context, call: Call, name: str, path: str) -> Response:
    """Answer with one file, or a range of it."""
    return file_response(call.request, open_output(context, name, path))


def _entry(name: str, file: ListedFile, thumbnails: Container[str]) -> answers.OutputEntry:
    picture = thumbnail_path(file.path)
    return answers.OutputEntry(
        path=file.path,
        size=file.size,
        type=media_type(file.path),
        url=f"/runs/{name}/outputs/{quote(file.path)}",
        thumbnail=f"/runs/{name}/outputs/{picture}" if picture in thumbnails else None,
    )
