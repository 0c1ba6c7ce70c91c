"""The description of a run as a whole in a crate; facts of its tasks are in `task_facts`.

It is stored with the run's artifacts at submission, because `publish` has no access to the database.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.phases import Phase

if TYPE_CHECKING:
    from typing import Any

ORCID = "https://orcid.org"
"""The issuer with ORCID iDs as subjects."""


class Person(NamedTuple):
    """Whose run it is."""

    name: str
    issuer: str
    """The issuer that authenticated them; `open` if nobody did."""
    subject: str


class StageCommand(NamedTuple):
    """One command line of a stage."""

    number: int
    """Counting from 1."""
    line: int
    text: str


class StageDescription(NamedTuple):
    """A stage of a run."""

    name: str
    commands: tuple[StageCommand, ...]
    has_results: bool = False
    """Whether `layout.RESULT` among what its tasks left is part of the result; all of the last stage is."""


class RunDescription(NamedTuple):
    """A run as it was submitted, and how it ended."""

    run_id: str
    """A UUID."""
    name: str
    recipe_id: str
    recipe_name: str
    recipe_path: str | None
    """Location of the recipe, or None if it was uploaded."""
    snapshot: str
    """SHA-256 of the recipe's bundle, in hex."""
    content: str | None
    """Digest of the recipe's files (see `digests.files_digest`), or None if unknown."""
    output_type: str
    agent: Person
    version: str
    """Version of the services."""
    submitted_at: str
    """In ISO 8601 with an offset, like all times here."""
    stages: tuple[StageDescription, ...]
    recipe_is_public: bool = False
    """Whether whoever reads the result may read the recipe's files as well."""
    license: str | None = None
    """License of the result from the recipe, or None."""
    begin: str | None = None
    end: str | None = None
    """Begin and end of the period that the result covers, from the recipe; or None."""
    parameters: dict[str, Any] = {}  # noqa: RUF012  it is never modified
    """Values of the recipe's parameters by name, with credentials redacted."""
    after: dict[str, list[str]] = {}  # noqa: RUF012  as above
    """Names of stages → names of the stages that have to end before they begin."""
    status: str = Phase.SUCCEEDED
    message: str | None = None
    started_at: str | None = None
    finished_at: str | None = None

    def to_json(self) -> str:
        """Return the JSON that is stored."""
        stages = [
            each._asdict() | {"commands": [command._asdict() for command in each.commands]}
            for each in self.stages
        ]
        return json.dumps(self._asdict() | {"agent": self.agent._asdict(), "stages": stages})

    @classmethod
    def from_json(cls, text: str | bytes) -> RunDescription:
        """Read the JSON of this or another version; unknown fields are ignored, missing ones get defaults."""
        fields: dict[str, Any] = json.loads(text)
        stages = tuple(_stage(each) for each in fields["stages"])
        known = {name: value for name, value in fields.items() if name in cls._fields}
        return cls(**known | {"agent": Person(**fields["agent"]), "stages": stages})


def _stage(fields: dict[str, Any]) -> StageDescription:
    commands = tuple(StageCommand(**command) for command in fields["commands"])
    return StageDescription(**fields | {"commands": commands})
