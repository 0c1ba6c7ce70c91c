"""How a run ended, in words: warnings are told and never change what the status is."""

from __future__ import annotations

from typing import Any

from ogdc_cli.outcome import outcome, status, warnings


def run(**fields: Any) -> dict[str, Any]:
    given = {"name": "seals-1", "status": "Succeeded", "output_type": "pvc", "recipe_id": "seals"}
    return given | {"warning_count": 0, "warnings": []} | fields


def warned(*messages: str) -> list[dict[str, Any]]:
    return [{"kind": "no_data", "message": message, "partition": 0} for message in messages]


def test_a_good_end_without_warnings_is_one_line() -> None:
    assert outcome(run()) == "seals-1: Succeeded. Published as seals/ on the workflow volume."
    assert status(run()) == "Succeeded"


def test_warnings_come_after_the_result_and_none_is_left_out_unsaid() -> None:
    warned_run = run(warning_count=3, warnings=warned("a is zero", "b has no\x1b[2J CRS"))
    assert outcome(warned_run).splitlines()[1:] == [
        "warning: a is zero",
        r"warning: b has no\x1b[2J CRS",
        "1 warning more: ogdc-runner logs seals-1",
    ]
    assert status(warned_run) == "Succeeded, 3 warnings"


def test_a_deployment_of_the_version_before_has_no_warnings() -> None:
    before = {key: value for key, value in run().items() if not key.startswith("warning")}
    assert warnings(before) == []
    assert status(before) == "Succeeded"
