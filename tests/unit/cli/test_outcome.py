"""How a run ended, in words: warnings are shown and never change what the status is."""

from __future__ import annotations

from typing import Any

import msgspec

from ogdc_cli.outcome import cancelling, outcome, parameters, retrying, status, warnings
from ogdc_shared.api.answers import RunDetail
from support.answers import run_detail, run_fields


def warned(*messages: str) -> list[dict[str, Any]]:
    return [{"kind": "no_data", "message": message, "partition": 0} for message in messages]


def test_a_success_without_warnings_is_one_line() -> None:
    assert outcome(run_detail()) == "seals-1: Succeeded. Published as seals/ on the workflow volume."
    assert status(run_detail()) == "Succeeded"


def test_a_removed_run_suggests_no_unavailable_commands() -> None:
    removed = "Its logs and artifacts were removed at 2026-01-02 03:04 UTC."
    ended: dict[str, Any] = {"deleted_at": "2026-01-02T03:04:05Z", "message": "no"}
    assert outcome(run_detail(status="Failed", **ended)) == f"seals-1: Failed. no\n{removed}"
    assert outcome(run_detail(output_type="temporary", **ended)) == f"seals-1: Succeeded. {removed}"


def test_a_change_reports_the_request_and_its_effect() -> None:
    assert cancelling(run_detail(status="Running")) == "Cancelling seals-1. Its tasks are being stopped."
    assert cancelling(run_detail(status="Failed")) == "Cancelled seals-1."
    assert retrying(run_detail()).startswith("Retrying seals-1. See how it goes with: ogdc-runner watch")


def test_a_cancelled_run_is_marked() -> None:
    cancelled = run_detail(status="Failed", cancelled_at="2026-01-02T03:04:05Z", warning_count=1)
    assert status(cancelled) == "Failed, cancelled, 1 warning"


def test_warnings_follow_the_result_and_omissions_are_counted() -> None:
    warned_run = run_detail(warning_count=3, warnings=warned("a is zero", "b has no\x1b[2J CRS"))
    assert outcome(warned_run).splitlines()[1:] == [
        "warning: a is zero",
        r"warning: b has no\x1b[2J CRS",
        "1 warning more: ogdc-runner logs seals-1",
    ]
    assert status(warned_run) == "Succeeded, 3 warnings"


def test_a_deployment_of_the_previous_version_has_no_warnings() -> None:
    fields = {key: value for key, value in run_fields().items() if not key.startswith("warning")}
    before = msgspec.convert(fields, RunDetail)
    assert warnings(before) == []
    assert status(before) == "Succeeded"


def test_unknown_values_of_a_later_version_are_accepted() -> None:
    later = msgspec.convert(run_fields(status="Paused", mood="calm"), RunDetail)
    assert status(later) == "Paused"


def test_parameters_are_a_line_each_whatever_is_in_them() -> None:
    given = {"YEAR": 2021, "LABEL": "a\nb\x1b[2J", "AREA": {"name": "é"}}
    assert parameters(run_detail(parameters=given)) == [
        "  YEAR=2021",
        r"  LABEL=a\nb\x1b[2J",
        '  AREA={"name": "é"}',
    ]
