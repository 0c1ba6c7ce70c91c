"""Checks of crates: what the profiles require of the graph and of the files beside it."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from ogdc_shared.provenance.description import Person, RunDescription, StageCommand, StageDescription

Entity = dict[str, Any]
_T = TypeVar("_T")

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
SHA256 = f"sha256:{'9f' * 32}"
COMMANDS = (
    StageCommand(1, 2, "gdal_translate /input_dir/a.tif /output_dir/b.tif"),
    StageCommand(2, 3, "cp a b"),
)
RUN = RunDescription(
    run_id=RUN_ID,
    name="seal-tags-abc",
    recipe_id="seal-tags",
    recipe_name="Seal tags",
    recipe_path="https://example.org/recipes/seal tags",
    snapshot="ab" * 32,
    content="cd" * 32,
    output_type="pvc",
    agent=Person("Ada", "open", "ada"),
    version="1.2.3",
    submitted_at="2026-11-27T15:00:00+00:00",
    stages=(StageDescription("process", COMMANDS),),
    recipe_is_public=True,
    finished_at="2026-11-27T15:00:09+00:00",
)
"""A run of two commands."""

ACTIONS = {"CreateAction", "ControlAction", "OrganizeAction"}
TOOLS = {"SoftwareApplication", "SoftwareSourceCode"}


class Crate:
    """A crate in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        document = json.loads((directory / "ro-crate-metadata.json").read_bytes())
        names = [entity["@id"] for entity in document["@graph"]]
        assert len(names) == len({*names})
        self.entities: dict[str, Entity] = dict(zip(names, document["@graph"], strict=True))

    def of(self, kind: str) -> list[Entity]:
        """The entities of a type, in order."""
        return [each for each in self.entities.values() if kind in _listed(each["@type"])]

    def named(self, name: str) -> Entity:
        """The entity with an id."""
        [found] = [each for each in self.entities.values() if each.get("name") == name]
        return found

    def referred(self, entity: Entity, key: str) -> list[Entity]:
        """The entities that a property refers to."""
        return [self.entities[each["@id"]] for each in _listed(entity.get(key, []))]

    def rows(self, table: str) -> list[dict[str, str]]:
        """The rows of a table."""
        with (self.directory / table).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    @property
    def run(self) -> Entity:
        """The action of the whole run."""
        return self.entities["#run"]

    def check(self) -> None:
        """Check that the crate meets RO-Crate 1.1 and the profiles of runs (0.5)."""
        for entity in self.entities.values():
            self._check_references(entity)
        root, descriptor = self.entities["./"], self.entities["ro-crate-metadata.json"]
        assert descriptor["about"] == {"@id": "./"}
        assert {"name", "description", "datePublished", "license"} <= root.keys()
        self._check_workflow(root)
        self._check_actions()
        for entity in self.of("File"):
            if not urlsplit(entity["@id"]).scheme:
                self._check_payload(entity)

    def _check_references(self, value: Any) -> None:
        """Check that all references lead to entities of the crate or to web pages."""
        for each in _listed(value):
            if isinstance(each, dict) and each.keys() == {"@id"}:
                known = each["@id"] in self.entities or each["@id"].startswith(("http://", "https://"))
                assert known, each
            elif isinstance(each, dict):
                for inner in each.values():
                    self._check_references(inner)

    def _check_workflow(self, root: Entity) -> None:
        [workflow] = self.referred(root, "mainEntity")
        assert {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} <= {*workflow["@type"]}
        assert workflow["@id"] in {each["@id"] for each in _listed(root["hasPart"])}
        instruments = {each["instrument"]["@id"] for each in self.of("CreateAction")}
        assert workflow["@id"] in instruments
        tools = self.referred(workflow, "hasPart")
        assert tools
        assert all(each["@id"] in instruments for each in tools)
        assert all(TOOLS & {*_listed(each["@type"])} for each in tools)
        for step in self.of("HowToStep"):
            assert step in self.referred(workflow, "step")
            assert self.referred(step, "workExample")[0] in tools
        for parameter in self.of("FormalParameter"):
            assert parameter["additionalType"]
            assert self.referred(parameter, "workExample")

    def _check_actions(self) -> None:
        for action in self.of("CreateAction"):
            assert {"name", "instrument", "agent", "actionStatus"} <= action.keys()
            assert ("error" in action) <= action["actionStatus"].endswith("FailedActionStatus")
        for control in self.of("ControlAction"):
            assert self.referred(control, "instrument")[0]["@type"] == "HowToStep"
            assert self.referred(control, "object")[0]["@type"] == "CreateAction"
        for organize in self.of("OrganizeAction"):
            assert self.referred(organize, "object")
            assert self.referred(organize, "result") == [self.run]

    def _check_payload(self, entity: Entity) -> None:
        path = self.directory / unquote(entity["@id"])
        assert path.resolve().is_relative_to(self.directory.resolve())
        content = path.read_bytes()
        assert entity.get("contentSize", str(len(content))) == str(len(content))
        assert entity.get("sha256") in {None, hashlib.sha256(content).hexdigest()}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def outputs_alone(found: Mapping[str, _T]) -> dict[str, _T]:
    """Return the files of a result by path, without its crate, which has to exist."""
    assert ".provenance/ro-crate-metadata.json" in found
    return {name: value for name, value in found.items() if name.split("/")[0] != ".provenance"}


def outputs_in(directory: Path) -> list[Path]:
    """Return the names at the top of a published directory, without its crate, which has to exist."""
    crate = directory / ".provenance"
    assert (crate / "ro-crate-metadata.json").is_file()
    return [path for path in directory.iterdir() if path != crate]


def facts_document(stage: str = "process", **sections: Any) -> str:
    """Return a task's facts as the worker writes them: `head`, then the lists of its sections."""
    head = json.dumps({"version": 1, "stage": stage} | sections.get("head", {}), separators=(",", ":"))
    text = head.removesuffix("}") + ",\n"
    names = ("commands", "fetched", "read", "ran", "wrote", "described")
    for name in names:
        lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in sections.get(name, ()))
        text += f'"{name}":[\n{lines}' + ("\n" if lines else "") + ("]}\n" if name == names[-1] else "],\n")
    return text
