"""Entities of a run's input and output files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.provenance import entities as make
from ogdc_shared.provenance import uris
from ogdc_shared.provenance.entities import entity, ref, refs
from ogdc_shared.provenance.recipe_copy import RECIPE
from ogdc_shared.provenance.tables import FILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ogdc_shared.provenance.collection import Collection
    from ogdc_shared.provenance.gathering import FileFact, Sample
    from ogdc_shared.provenance.recipe_copy import RecipeFile

PARAMETERS = {"input": "#input", "output": "#output"}
"""Ids of the workflow's formal parameters, by the role of their files."""
_ALGORITHMS = frozenset({"md5", "sha1", "sha256", "sha512"})


class Added(NamedTuple):
    """The inputs or the outputs of a run, as a crate names them."""

    names: tuple[str, ...]
    by_task: dict[tuple[str, int], list[str]]
    """By stage and partition of the task that read or wrote them; empty if only the tables list them."""

    def of(self, stage: str, partition: int | None) -> list[str]:
        """Return the names of one task's files, or those of the whole run if the partition is None."""
        return self.by_task.get((stage, partition), []) if partition is not None else [*self.names]


class Files:
    """Adds the files of a run to a crate."""

    def __init__(self, run_id: str, recipe: Mapping[str, RecipeFile], collection: Collection) -> None:
        self._run_id = run_id
        self._recipe = recipe
        self._collection = collection

    def add(self, role: str, sample: Sample) -> Added:
        """Add inputs or outputs: each file, or one directory for all if there are many."""
        by_task: dict[tuple[str, int], list[str]] = {}
        if sample.is_whole:
            for file in sample.first:
                by_task.setdefault(file.task, []).append(self._add_file(role, file))
            names = tuple(dict.fromkeys(name for some in by_task.values() for name in some))
        else:
            names = (self._add_directory(role, sample),)
        if names:
            self._add_parameter(role, names, kind="File" if sample.is_whole else "Dataset")
        return Added(names, by_task)

    def _add_parameter(self, role: str, names: Sequence[str], *, kind: str) -> None:
        for name in names:
            if found := self._collection.find(name):
                found["exampleOfWork"] = ref(PARAMETERS[role])
        self._collection.add(
            entity(
                PARAMETERS[role],
                "FormalParameter",
                name=f"{role}s",
                additionalType=kind,
                workExample=refs(names),
                conformsTo=ref("https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"),
            )
        )

    def _add_file(self, role: str, file: FileFact) -> str:
        algorithm, _, digest = (file.checksum or "").partition(":")
        made = entity(
            self._name_of(role, file),
            "File",
            name=file.path,
            contentSize=None if file.size is None else str(file.size),
            encodingFormat=make.media_type(file.path),
            url=uris.url(file.url) if file.url else None,
            **({algorithm: digest} if algorithm in _ALGORITHMS else {}),
        )
        known = self._collection.find(made["@id"])
        if known and known.get("sha256") != made.get("sha256"):
            made["@id"] = self._place(role, file)
        return self._collection.add_part(made)

    def _name_of(self, role: str, file: FileFact) -> str:
        """Return its URL, its path in the crate if it is a file of the recipe, or else a URI in the run."""
        if file.source and uris.is_url(file.source):
            return uris.url(file.source)
        kept = (
            None if file.source == "meta.yml" else self._recipe.get(file.source or "")
        )  # the workflow itself
        if kept and file.checksum in {None, f"sha256:{kept.sha256}"}:
            return f"{RECIPE}/{uris.path_uri(kept.path)}"
        return self._place(role, file)

    def _place(self, role: str, file: FileFact) -> str:
        return uris.run_uri(self._run_id, f"{role}s/{file.path.lstrip('/')}")

    def _add_directory(self, role: str, sample: Sample) -> str:
        about = f"{sample.count:,} files of {sample.bytes:,} bytes in all; {FILES} has a row for each."
        name = uris.run_uri(self._run_id, f"{role}s/")
        made = entity(name, "Dataset", name=f"The {role}s of the run", description=about)
        return self._collection.add_part(made | {"subjectOf": ref(FILES)})
