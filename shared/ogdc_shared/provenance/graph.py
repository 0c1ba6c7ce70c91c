"""The graph of a crate: the recipe as a workflow, its run, and the crate itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_shared.layout import CRATE_METADATA
from ogdc_shared.phases import Phase
from ogdc_shared.provenance import entities as make
from ogdc_shared.provenance import uris
from ogdc_shared.provenance.actions import Actions
from ogdc_shared.provenance.collection import Collection
from ogdc_shared.provenance.entities import entity, ref, refs
from ogdc_shared.provenance.files import PARAMETERS, Files
from ogdc_shared.provenance.gathering import INLINE
from ogdc_shared.provenance.recipe_copy import RECIPE, WITHHELD
from ogdc_shared.provenance.tables import EXECUTIONS, FILES
from ogdc_shared.provenance.values import shown_time
from ogdc_shared.several import several

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ogdc_shared.provenance.description import RunDescription
    from ogdc_shared.provenance.gathering import Gathering
    from ogdc_shared.provenance.recipe_copy import RecipeFile

README = "README.md"
COMMANDS = "commands.txt"
"""The file with the recipe's commands, if the recipe itself is not in the crate."""
_RUN = "#run"


class Graph:
    """The entities of one crate."""

    def __init__(self, run: RunDescription, gathered: Gathering, recipe: Sequence[RecipeFile]) -> None:
        self._run = run
        self._gathered = gathered
        self._recipe = {file.path: file for file in recipe}
        self._workflow = f"{RECIPE}/meta.yml" if recipe else COMMANDS
        self._collection = Collection()
        self._agent = make.person(run.agent)["@id"]

    def to_json(self) -> dict[str, Any]:
        """Return the whole document."""
        collection = self._collection
        collection.parts.append(self._workflow)
        collection.mentions.append(_RUN)
        files = Files(self._run.run_id, self._recipe, collection)
        inputs = files.add("input", self._gathered.inputs)
        outputs = files.add("output", self._gathered.outputs)
        about = {"workflow": self._workflow, "agent": self._agent}
        actions = Actions(self._run, self._gathered, collection, **about)
        controls = actions.add(inputs, outputs)
        given = [self._collection.add(*make.parameter(*each)) for each in self._run.parameters.items()]
        self._add_run((*inputs.names, *given), outputs.names)
        self._add_orchestration(controls)
        self._add_workflow(actions)
        self._add_payload()
        collection.add(make.person(self._run.agent), *make.profiles())
        return {"@context": make.CONTEXT, "@graph": [self._descriptor(), self._root(), *collection]}

    def _add_run(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        run = self._run
        failed = run.status != Phase.SUCCEEDED
        self._collection.add(
            entity(
                _RUN,
                "CreateAction",
                name=f"Run {run.name}",
                description=f"{run.status}{': ' if run.message else '.'}{run.message or ''}",
                identifier=f"urn:uuid:{run.run_id}",
                instrument=ref(self._workflow),
                object=refs(inputs) if inputs else None,
                result=refs(outputs) if outputs else None,
                startTime=shown_time(run.started_at or run.submitted_at),
                endTime=shown_time(run.finished_at),
                agent=ref(self._agent),
                actionStatus=make.status(failed),
                error=run.message if failed else None,
            )
        )

    def _add_orchestration(self, controls: Sequence[str]) -> None:
        """Add that the runner had each command run."""
        engine = self._collection.add(make.runner(self._run.version))
        if controls:
            self._collection.mentions.append("#orchestration")
            self._collection.add(
                entity(
                    "#orchestration",
                    "OrganizeAction",
                    name=f"ogdc-runner {self._run.version}",
                    instrument=ref(engine),
                    object=refs(controls),
                    result=ref(_RUN),
                    startTime=shown_time(self._run.submitted_at),
                    endTime=shown_time(self._run.finished_at),
                    agent=ref(self._agent),
                )
            )

    def _add_workflow(self, actions: Actions) -> None:
        run = self._run
        measured = _measured(self._recipe.get("meta.yml"))
        about = f"Recipe {run.recipe_id}, SHA-256 {run.snapshot} as it was submitted."
        note = measured.pop("description", "")
        roles = {role: [name] for role, name in PARAMETERS.items() if name in self._collection}
        if run.parameters:
            roles["input"] = [*roles.get("input", []), *map(make.parameter_name, run.parameters)]
        parameters = {role: refs(names) for role, names in roles.items()}
        self._collection.add(
            entity(
                self._workflow,
                ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
                name=run.recipe_name,
                description=f"{about} {note}".rstrip(),
                conformsTo=ref("https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"),
                programmingLanguage=ref("#recipes"),
                encodingFormat=make.media_type(self._workflow),
                version=run.content or run.snapshot,
                hasPart=refs(actions.tools or [self._add_nothing_ran()]),
                step=refs(actions.steps) if actions.steps else None,
                codeRepository=run.recipe_path and uris.url(run.recipe_path),
                **parameters,
                **measured,
            ),
            entity(
                "#recipes",
                "ComputerLanguage",
                name="Recipes of the Open Geospatial Data Cloud",
                url=ref("https://github.com/QGreenland-Net/ogdc-recipes"),
            ),
        )

    def _add_nothing_ran(self) -> str:
        """Add the runner as the tool of a run without known executions, and return its id."""
        name = "#no-command"
        self._collection.mentions.append(name)
        self._collection.add(
            entity(
                name,
                "CreateAction",
                name="The run",
                description="No command ran, as far as is known.",
                instrument=ref(make.RUNNER),
                endTime=shown_time(self._run.finished_at),
                agent=ref(self._agent),
                actionStatus=make.status(self._run.status != Phase.SUCCEEDED),
            )
        )
        return make.RUNNER

    def _add_payload(self) -> None:
        """Add the recipe's files and the tables."""
        add = self._collection.add_part
        add(entity(README, "File", name=README, about=ref("./"), encodingFormat="text/markdown"))
        for table, about in {
            FILES: "Each input and output of the run: its path, size and checksum, and where it came from.",
            EXECUTIONS: "Each time that a command of the recipe ran, and what that took.",
        }.items():
            add(entity(table, "File", name=table, description=about, encodingFormat="text/csv"))
        if self._recipe:
            note = "As it was submitted, but for what gives access to somebody's data."
            add(entity(f"{RECIPE}/", "Dataset", name="The recipe", description=note))
        for file in list(self._recipe.values())[:INLINE]:
            name, kind = f"{RECIPE}/{uris.path_uri(file.path)}", make.media_type(file.path)
            add(entity(name, "File", name=file.path, encodingFormat=kind, **_measured(file)))

    def _reused(self) -> Iterator[str]:
        """Say which runs' results were reused; the facts of their tasks describe those runs."""
        if taken := self._gathered.reused:
            runs = several([f"{count} reused from run {run}" for run, count in taken.most_common()])
            yield f"Results of tasks: {runs}."

    def _root(self) -> dict[str, Any]:
        run = self._run
        notes = " ".join([*self._reused(), *self._gathered.problems])
        about = f"How run {run.name} of the recipe {run.recipe_id} came to its end ({run.status}). {notes}"
        return entity(
            "./",
            "Dataset",
            name=f"Provenance of run {run.name}",
            description=about.strip(),
            datePublished=shown_time(run.finished_at or run.submitted_at),
            license=ref(self._collection.add(make.license_of(run.license))),
            author=ref(self._agent),
            identifier=f"urn:uuid:{run.run_id}",
            conformsTo=[ref(each) for each in make.PROFILES],
            mainEntity=ref(self._workflow),
            hasPart=refs(self._collection.parts),
            mentions=refs(self._collection.mentions),
        )

    def _descriptor(self) -> dict[str, Any]:
        versions = (
            "https://w3id.org/ro/crate/1.1",
            "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
        )
        about = {"about": ref("./"), "conformsTo": [ref(each) for each in versions]}
        return entity(CRATE_METADATA, "CreativeWork", **about)


def _measured(file: RecipeFile | None) -> dict[str, str]:
    if file is None:
        return {}
    note = {"description": WITHHELD} if file.redacted else {}
    return {"contentSize": str(file.size), "sha256": file.sha256} | note
