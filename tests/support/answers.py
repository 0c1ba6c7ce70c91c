"""Plausible answers of the API, in which tests can choose each field."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from ogdc_shared.api.answers import RunDetail


def run_fields(**fields: Any) -> dict[str, Any]:
    """Return the answer to `GET /runs/{name}` for a run of one partition that succeeded."""
    return {
        "name": "seals-1",
        "run_id": str(UUID(int=1)),
        "recipe_id": "seals",
        "recipe_name": "Seals",
        "status": "Succeeded",
        "message": None,
        "progress": None,
        "submitted_by": "anna",
        "submitted_at": "2026-03-01T12:00:00+00:00",
        "started_at": None,
        "finished_at": None,
        "deleted_at": None,
        "recipe_path": None,
        "snapshot": "0" * 64,
        "output_type": "pvc",
        "overwrite": False,
        "partitions": 1,
        "input_files": None,
        "input_bytes": None,
        "task_counts": {},
        "partition_counts": {},
        "warning_count": 0,
        "links": {},
        "tasks": [],
        "warnings": [],
        "trigger": None,
        "parameters": {},
    } | fields


def run_detail(**fields: Any) -> RunDetail:
    """Return the same answer as the command line decodes it."""
    return msgspec.convert(run_fields(**fields), RunDetail)
