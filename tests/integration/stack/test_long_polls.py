from __future__ import annotations

import threading
from http import HTTPStatus

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from ogdc_local.stack.functions import Functions
from ogdc_local.stack.long_polls import Changes, LongPolls, with_long_polls

LONG = "wait=60"


class Runs:
    """A function about runs: what is known is the `state`, which is its tag as well."""

    def __init__(self) -> None:
        self.state = "a"
        self.asked = threading.Event()
        self.answers = 0

    def __call__(self, environ, start_response):
        self.answers += 1
        known = environ.get("HTTP_IF_NONE_MATCH") == self.state
        body = b"" if known else self.state.encode()
        start_response("304 NOT MODIFIED" if known else "200 OK", [("ETag", self.state)])
        self.asked.set()
        return [body]


def ask(application, *, known="a", prefer=LONG, method="GET"):
    headers = {"If-None-Match": known} if known else {}
    environ = create_environ("/runs/r", method=method, headers=headers | {"Prefer": prefer})
    body, status, _ = run_wsgi_app(application, environ)
    return int(status.split()[0]), b"".join(body)


def test_a_long_poll_is_answered_when_the_run_changes():
    runs, changes = Runs(), Changes()
    answered = []
    polls = LongPolls(runs, changes, longest=60)
    asking = threading.Thread(target=lambda: answered.append(ask(polls, prefer="respond-async, wait=60")))
    asking.start()
    assert runs.asked.wait(60)
    runs.state = "b"
    changes.note()
    asking.join(60)

    assert answered == [(HTTPStatus.OK, b"b")]


def test_a_change_during_the_query_is_not_missed():
    changes = Changes()

    class ChangesMeanwhile(Runs):
        def __call__(self, environ, start_response):
            found = super().__call__(environ, start_response)
            if self.answers == 1:
                self.state = "b"
                changes.note()
            return found

    assert ask(LongPolls(ChangesMeanwhile(), changes, longest=60)) == (HTTPStatus.OK, b"b")


def test_a_long_poll_ends_after_its_time_without_a_change():
    assert ask(LongPolls(Runs(), Changes()), prefer="wait=0.01") == (HTTPStatus.NOT_MODIFIED, b"")


@pytest.mark.parametrize(
    "asked",
    [
        {"known": None},
        {"known": "older"},
        {"prefer": ""},
        {"prefer": "wait=0"},
        {"prefer": "wait=soon"},
        {"prefer": "wait=-1"},
        {"prefer": "wait=nan"},
        {"method": "HEAD"},
        {"method": "POST"},
    ],
    ids=str,
)
def test_a_request_without_the_preference_is_answered_immediately(asked):
    runs = Runs()
    ask(LongPolls(runs, Changes(), longest=60), **asked)

    assert runs.answers == 1


def test_long_polls_over_the_limit_are_answered_immediately():
    runs = Runs()

    assert ask(LongPolls(runs, Changes(), most=0))[0] == HTTPStatus.NOT_MODIFIED
    assert runs.answers == 1


@pytest.mark.parametrize(("name", "noted"), [("submit", 1), ("argo_events", 1), ("status", 0)])
def test_requests_and_events_that_may_change_runs_are_noted(name, noted):
    changes = Changes()
    functions = with_long_polls(Functions(*[Runs()] * len(Functions._fields)), changes)
    ask(getattr(functions, name), known=None)

    assert changes.count == noted
