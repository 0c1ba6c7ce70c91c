"""A deployment with one run that succeeded, with the calls that `publish` uses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from zipfile import ZipFile

from ogdc_cli.api import ApiClient
from ogdc_shared.api.answers import OutputEntry
from ogdc_shared.digests import digest
from ogdc_shared.provenance.crate import write_crate
from ogdc_shared.provenance.task_facts import TaskRecord
from ogdc_shared.walking import walk
from support.crates import RUN, facts_document
from support.publications import METADATA
from support.trees import plant

META: dict[str, Any] = {
    "name": "Seal tags",
    "workflow": {"type": "shell"},
    "input": {"params": [{"type": "url", "value": "https://example.org/a.tif"}]},
    "output": {"license": "CC-BY-4.0"},
    "metadata": METADATA,
}
OUTPUTS = {
    **{"b.tif": b"tif", "d/ü.csv": b"1\n"},
    **{".provenance/README.md": b"# Provenance\n", ".stac/catalog.json": b"{}\n"},
}


class Deployment:
    """A deployment that has one run."""

    def __init__(
        self,
        scratch: Path,
        outputs: dict[str, bytes],
        made: dict[str, bytes],
        meta: dict[str, Any],
        without_checksum: tuple[str, ...] = (),
        fetched: tuple[str, ...] = (),
        recipe: dict[str, bytes] | None = None,
        **run: Any,
    ) -> None:
        self._outputs = outputs
        self.downloads = 0
        files: dict[str, bytes | str | None] = {
            "meta.yml": json.dumps(meta).encode(),
            "recipe.sh": b"cp a b\n",
        }
        plant(scratch / "recipe", {**files, **(recipe or {})})
        wrote = [
            {"name": name, "size": len(body)}
            | ({} if name in without_checksum else {"checksum": f"sha256:{digest(body)}"})
            for name, body in made.items()
            if not name.startswith(".")
        ]
        read = [{"source": each, "name": each.rpartition("/")[2], "size": 1} for each in fetched]
        (scratch / "facts").write_text(facts_document(wrote=wrote, fetched=read))
        self._crate = scratch / "crate"
        self._crate.mkdir()
        tasks = [TaskRecord("process", 0, facts=str(scratch / "facts"))]
        write_crate(str(self._crate), RUN._replace(**run), tasks, recipe=str(scratch / "recipe"))

    def save_provenance(self, _name: str, target: Path, *, metadata_alone: bool) -> None:
        assert not metadata_alone
        with ZipFile(target, "w") as archive:
            for name, entry in walk(str(self._crate)):
                archive.write(entry.path, name)

    def outputs(self, _name: str) -> Iterator[OutputEntry]:
        for name, body in self._outputs.items():
            yield OutputEntry(name, len(body), "", "")

    def download_file(self, _name: str, path: str, target: Path) -> None:
        self.downloads += 1
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self._outputs[path])


def deployment(
    scratch: Path,
    *,
    meta: dict[str, Any] = META,
    outputs: dict[str, bytes] = OUTPUTS,
    made: dict[str, bytes] = OUTPUTS,
    without_checksum: tuple[str, ...] = (),
    fetched: tuple[str, ...] = (),
    recipe: dict[str, bytes] | None = None,
    **run: Any,
) -> ApiClient:
    """Create a deployment with one run.

    Args:
        scratch: A directory to make.
        meta: Its recipe's meta.yml.
        outputs: The files that it hands out.
        made: The files that its provenance tells of.
        without_checksum: Those of these whose size alone is known.
        fetched: URLs of its inputs.
        recipe: Files of its recipe beside meta.yml and recipe.sh; None: there are none.
        run: What is to be different of `crates.RUN`.
    """
    scratch.mkdir(parents=True)
    return cast(ApiClient, Deployment(scratch, outputs, made, meta, without_checksum, fetched, recipe, **run))
