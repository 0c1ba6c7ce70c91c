"""OGC API - Processes, as a program that knows nothing else runs a process on the engine."""

from __future__ import annotations

import json
from email.message import Message
from typing import Any
from urllib.request import Request, urlopen

from support.stack import Stack, wait_until


def call(stack: Stack, path: str, body: Any = None, **headers: str) -> tuple[int, Message, bytes]:
    url = path if path.startswith("http") else f"{stack.url}{path}"
    content = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): each for name, each in headers.items()
    }
    with urlopen(Request(url, content, sent), timeout=120) as answer:
        return answer.status, answer.headers, answer.read()


def executed(stack: Stack, body: Any) -> tuple[Message, bytes]:
    """Run the echo and return its outputs: at once or, from a machine too busy for that, later."""
    status, headers, outputs = call(stack, "/processes/echo/execution", body)
    if status == 200:
        monitor = headers["Link"].partition(">")[0].removeprefix("<")
        assert json.loads(call(stack, monitor)[2])["status"] == "successful"
        return headers, outputs
    job = headers["Location"]
    wait_until(lambda: json.loads(call(stack, job)[2])["status"] == "successful")
    return call(stack, f"{job}/results")[1:]


def test_an_echo_comes_back_by_value(stack: Stack) -> None:
    inputs = {"text": "hello", "object": {"value": {"a": 1}}, "box": {"bbox": [1, 2, 3, 4]}}
    _, alone = executed(stack, {"inputs": inputs, "outputs": {"text": {}}})
    assert alone == b"hello"
    headers, several = executed(stack, {"inputs": inputs})
    assert headers.get_content_type() == "multipart/related"
    assert several.count(f"--{headers.get_param('boundary')}".encode()) == 4


def test_an_echo_in_the_background_is_a_job_like_others(stack: Stack) -> None:
    asked = {"inputs": {"text": "hello", "object": {"a": 1}}, "response": "document"}
    status, headers, _ = call(stack, "/processes/echo/execution", asked, Prefer="respond-async")
    assert (status, headers["Preference-Applied"]) == (201, "respond-async")
    job = headers["Location"]
    wait_until(lambda: json.loads(call(stack, job)[2])["status"] == "successful")
    found = json.loads(call(stack, f"{job}/results")[2])
    assert found == {"text": "hello", "object": {"value": {"a": 1}}}
