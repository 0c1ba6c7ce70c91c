"""The input of the task `publish` in a test's directory."""

from __future__ import annotations

from pathlib import Path

from ogdc_worker.publish.publication import Publication
from support.crates import RUN


def publication_in(directory: Path) -> Publication:
    """Create an empty volume and the description of a run of one partition."""
    (directory / "volume").mkdir()
    (directory / "run.json").write_text(RUN.to_json())
    return Publication(
        run=RUN.name,
        recipe_id="seal-tags",
        partitions=1,
        output="pvc",
        volume=str(directory / "volume"),
        zip_path=str(directory / "output.zip"),
        warnings_path=str(directory / "warnings"),
        description=str(directory / "run.json"),
        recipe=str(directory / "recipe"),
    )
