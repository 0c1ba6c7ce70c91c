"""Error responses in the form of OGC API - Processes.

Source: OGC 18-062r2, section 7.11.3 and following (types); RFC 7807 (form and media type).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from flask import Request, Response
from werkzeug.exceptions import UnsupportedMediaType

from ogdc_shared import errors

PROBLEM_JSON = "application/problem+json"
_JSON = "application/json"
_PART_1 = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
_PART_2 = "http://www.opengis.net/def/exceptions/ogcapi-processes-2/1.0"
_TYPES: Mapping[type[Exception], str] = {
    errors.UnknownProcessError: f"{_PART_1}/no-such-process",
    errors.UnknownRunError: f"{_PART_1}/no-such-job",
    errors.ResultNotReadyError: f"{_PART_1}/result-not-ready",
    errors.ProcessExistsError: f"{_PART_2}/duplicated-process",
    errors.ImmutableProcessError: f"{_PART_2}/immutable-process",
    UnsupportedMediaType: f"{_PART_2}/unsupported-media-type",
}


def as_process_problem(response: Response, exc: Exception, request: Request) -> Response:
    """Convert an error response to the form of RFC 7807; its headers stay.

    Callers that prefer plain JSON to that media type get it as JSON.
    """
    code = response.status_code
    problem = {
        "type": next((_TYPES[kind] for kind in type(exc).__mro__ if kind in _TYPES), "about:blank"),
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": json.loads(response.get_data())["detail"],
    }
    response.set_data(json.dumps(problem, ensure_ascii=False))
    is_json_wanted = request.accept_mimetypes.best_match([PROBLEM_JSON, _JSON]) == _JSON
    response.content_type = _JSON if is_json_wanted else PROBLEM_JSON
    return response
