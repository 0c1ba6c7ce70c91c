"""The output types, as in `output.type` of meta.yml."""

from __future__ import annotations

from enum import StrEnum


class OutputType(StrEnum):
    """Where a run's result goes."""

    PVC = "pvc"
    """To the workflow volume, under the recipe's id."""
    TEMPORARY = "temporary"
    """Into the artifact store, as one zip, for some days."""
    DATAONE = "dataone"
    """As `pvc`, and as a package to a member node of DataONE."""
