import errno
import inspect
import json
import logging

import pytest
from flask import Request
from werkzeug.exceptions import MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.test import create_environ

from ogdc_functions.http.responses import error_response, json_response, receipt
from ogdc_shared import errors

EXPECTED = {
    errors.InvalidRequestError("x"): 400,
    errors.UnauthenticatedError("x"): 401,
    errors.ForbiddenError("x"): 403,
    errors.RoleError("x"): 403,
    errors.RecipeNotFoundError("x"): 404,
    errors.UnknownRunError("x"): 404,
    errors.UnknownTriggerError("x"): 404,
    errors.OutputUnavailableError("x", elsewhere=True): 404,
    errors.OutputUnavailableError("x"): 409,
    errors.AlreadyPublishedError("x"): 409,
    errors.AlreadyRunningError("x"): 409,
    errors.RecipeIdTakenError("x"): 409,
    errors.RunStateError("x"): 409,
    errors.UnstorableError("x"): 400,
    errors.TriggerExistsError("x"): 409,
    errors.UserExistsError("x"): 409,
    errors.OwnAccountError("x"): 409,
    errors.UnknownUserError("x"): 404,
    errors.UnknownProcessError("x"): 404,
    errors.ResultNotReadyError("x"): 404,
    errors.JobFailedError("x"): 422,
    errors.ProcessExistsError("x"): 409,
    errors.ImmutableProcessError("x"): 403,
    errors.UnknownTokenError("x"): 404,
    errors.UnknownWebhookError("x"): 404,
    errors.TokenExpiredError("x"): 401,
    errors.LimitError("x", retry_after=60): 429,
    errors.OutputUnavailableError("x", expired=True): 410,
    errors.InvalidRecipeError("x"): 422,
    errors.InputNotFoundError("x"): 422,
    errors.UnsupportedError("x"): 422,
    errors.UnusableInputError("x"): 422,
    errors.DatabaseUnavailableError("x"): 503,
    errors.DatabaseBusyError("x"): 503,
    errors.ArgoUnavailableError("x"): 503,
    errors.StorageUnavailableError("x"): 503,
    errors.SourceUnavailableError("x"): 503,
    OSError(errno.ENOSPC, "x"): 503,
    OSError(errno.EDQUOT, "x"): 503,
    OSError(errno.EIO, "x"): 500,
    errors.ConfigurationError("x"): 500,
    errors.OgdcError("x"): 500,
    ValueError("x"): 500,
}


@pytest.mark.parametrize(("exc", "status"), EXPECTED.items(), ids=lambda value: type(value).__name__)
def test_every_error_has_its_status(exc: Exception, status: int):
    response = error_response(exc)

    assert response.status_code == status
    assert response.content_type == "application/json"
    assert set(json.loads(response.data)) == {"detail"}
    assert ("Retry-After" in response.headers) == (status in {429, 503})


def test_all_error_classes_are_covered():
    leaves = {
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, (errors.InputError, errors.UnavailableError)) and not cls.__subclasses__()
    }

    assert leaves <= {type(exc) for exc in EXPECTED}


@pytest.mark.parametrize("exc", [errors.ConfigurationError("the password is hunter2"), KeyError("hunter2")])
def test_internal_details_are_logged_and_not_returned(exc: Exception, caplog):
    detail = json.loads(error_response(exc).data)["detail"]

    assert "hunter2" not in detail
    assert "hunter2" in caplog.text
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].args[0] in detail


def test_client_errors_are_not_logged(caplog):
    with caplog.at_level(logging.INFO):
        error_response(errors.InvalidRecipeError("meta.yml: name: is missing"))

    assert caplog.records == []


def test_every_problem_of_a_recipe_is_reported():
    exc = errors.InvalidRecipeError("meta.yml: a", "recipe.sh: b")

    assert json.loads(error_response(exc).data)["detail"] == "meta.yml: a\nrecipe.sh: b"


def test_errors_of_http_keep_their_headers():
    response = error_response(MethodNotAllowed(["GET", "POST"]))

    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "POST"}
    assert error_response(NotFound("nothing here")).get_json() == {"detail": "nothing here"}


def test_a_request_that_is_too_large_is_not_read_to_its_end():
    response = error_response(RequestEntityTooLarge())

    assert response.status_code == 413
    assert response.is_streamed
    assert response.headers["Connection"] == "close"


def test_text_is_not_escaped_needlessly():
    assert json_response({"name": "Grønland"}).data.decode() == '{"name": "Grønland"}'


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Content-Type": "application/json"}, 200),
        ({"Ce-Specversion": "1.0", "Content-Type": "application/json"}, 204),
        ({"Content-Type": "application/cloudevents+json"}, 204),
        ({"Content-Type": "application/cloudevents-batch+json", "Accept": "*/*"}, 204),
        ({"Ce-Specversion": "1.0", "Accept": "application/json"}, 200),
    ],
)
def test_outcomes_of_events_are_returned_only_on_request(headers: dict[str, str], status: int):
    answer = receipt(Request(create_environ(headers=headers)), {"a": 1})

    assert (answer.status_code, answer.data) == (status, b'{"a": 1}' if status == 200 else b"")


def test_lone_surrogates_are_escaped_in_json() -> None:
    response = error_response(errors.InvalidRequestError("x='\ud800é'"))
    assert response.get_data() == b'{"detail": "x=\'\\ud800\xc3\xa9\'"}'
    assert response.get_json() == {"detail": "x='\ud800é'"}
