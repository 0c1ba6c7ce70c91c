from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from ogdc_shared.argo.retry import RETRY_EXPRESSION, is_worth_retrying

CASES = [
    pytest.param(
        "Failed", 1, "main: Error (exit code 1): command 2 of 4 failed", False, id="failing command"
    ),
    pytest.param("Failed", 75, "main: Error (exit code 75): server away", True, id="worker asks for it"),
    pytest.param("Failed", None, "The node was low on resource", True, id="evicted"),
    pytest.param("Failed", 137, "main: Error (exit code 137)", True, id="killed"),
    pytest.param("Failed", 143, "main: Error (exit code 143)", True, id="node drained"),
    pytest.param("Failed", 137, "main: OOMKilled (exit code 137)", False, id="out of memory"),
    pytest.param(
        "Failed", None, 'Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". ', False, id="disk"
    ),
    pytest.param(
        "Failed",
        None,
        'Container main exceeded its local ephemeral storage limit "2Gi". ',
        False,
        id="disk of the container",
    ),
    pytest.param(
        "Failed",
        None,
        "Pod ephemeral local storage usage exceeds the total limit of containers 2Gi. ",
        False,
        id="disk of the pod",
    ),
    pytest.param("Error", None, "pod deleted", True, id="pod deleted"),
    pytest.param("Error", 0, "wait: Error (exit code 64): no space left", True, id="artifact not stored"),
]


@pytest.mark.parametrize(("phase", "exit_code", "message", "retried"), CASES)
def test_temporary_failures_are_retried_and_permanent_failures_are_not(
    phase: str, exit_code: int | None, message: str, retried: bool
) -> None:
    assert is_worth_retrying(phase=phase, exit_code=exit_code, message=message) is retried


@pytest.mark.parametrize(("phase", "exit_code", "message", "retried"), CASES)
def test_the_retry_expression_for_argo_decides_the_same(
    phase: str, exit_code: int | None, message: str, retried: bool
) -> None:
    assert evaluate(RETRY_EXPRESSION, phase=phase, exit_code=exit_code, message=message) is retried


def evaluate(expression: str, *, phase: str, exit_code: int | None, message: str) -> bool:
    """Run the expression as Python, which has the same operators under other names."""
    python = (
        re.sub(r'lastRetry\.message matches (".*?")', r"search(\1, lastRetry.message)", expression)
        .replace("!", "not ")
        .replace("&&", "and")
        .replace("||", "or")
    )
    code = "-1" if exit_code is None else str(exit_code)
    last_retry = SimpleNamespace(status=phase, exitCode=code, message=message)
    return bool(
        eval(python, {"lastRetry": last_retry, "asInt": int, "search": re.search, "__builtins__": {}})
    )
