from __future__ import annotations

import logging

import pytest


def test_a_dead_letter_is_logged_and_accepted(serve, caplog: pytest.LogCaptureFixture):
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "7",
        "ce-type": "dev.knative.apiserver.resource.update",
        "ce-source": "https://10.0.0.1:443",
        "ce-subject": "/apis/argoproj.io/v1alpha1/namespaces/ogdc/workflows/tiles-abc",
        "ce-knativeerrorcode": "400",
        "ce-knativeerrordest": "http://argo-events.ogdc.svc.cluster.local/events/argo",
    }

    with caplog.at_level(logging.ERROR):
        response = serve("dead_letters").post("/", data=b"{", headers=headers)

    assert (response.status_code, response.data) == (204, b""), "Knative would repeat it for a word"
    assert "workflows/tiles-abc" in caplog.text
    assert "'400'" in caplog.text


def test_an_invalid_event_is_logged_and_accepted(serve, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR):
        assert serve("dead_letters").post("/", data=b"\xff").status_code == 200

    assert "event given up" in caplog.text
