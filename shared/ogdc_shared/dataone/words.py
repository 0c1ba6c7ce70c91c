"""The author's metadata of a package and its recipe, as plain values.

The task that publishes has no pydantic. `recipe.metadata` documents and validates the fields.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.recipe.orcid import owner_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


UUID, DOI = "uuid", "doi"
"""Kinds of identifiers by which a data set can be cited."""


class Party(NamedTuple):
    """A person or an organization."""

    given_name: str | None = None
    family_name: str | None = None
    orcid: str | None = None
    email: str | None = None
    organization: str | None = None


class Geographic(NamedTuple):
    """A box in degrees, WGS 84."""

    description: str
    west: float
    east: float
    south: float
    north: float


class Temporal(NamedTuple):
    """A year or a day, or a period between two of them."""

    begin: str
    end: str | None = None


class Award(NamedTuple):
    """A grant that paid for the work."""

    funder: str
    title: str
    number: str | None = None
    url: str | None = None


class Metadata(NamedTuple):
    """Metadata of the result as a data set."""

    title: str
    abstract: str
    creators: tuple[Party, ...]
    contact: Party | None = None
    keywords: tuple[str, ...] = ()
    geographic: Geographic | None = None
    temporal: Temporal | None = None
    awards: tuple[Award, ...] = ()
    methods: str | None = None
    access: str = "public"
    rights_holder: str | None = None
    identifier: str = UUID

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Metadata:
        """Create it from `recipe.metadata.Metadata` dumped as JSON."""
        given = {name: value for name, value in fields.items() if name in cls._fields and value is not None}
        made: dict[str, Any] = {
            "creators": tuple(Party(**each) for each in given["creators"]),
            "keywords": tuple(given.get("keywords", ())),
            "awards": tuple(Award(**each) for each in given.get("awards", ())),
        }
        for name, kind in (("contact", Party), ("geographic", Geographic), ("temporal", Temporal)):
            if name in given:
                made[name] = kind(**given[name])
        return cls(**given | made)

    @property
    def owner(self) -> str | None:
        """ORCID iD of the rights holder, or None if nobody has one."""
        return owner_of(self.rights_holder, (creator.orcid for creator in self.creators))

    @property
    def asked(self) -> Party:
        """The contact, or the first creator if there is none."""
        return self.contact or self.creators[0]


class RecipeNote(NamedTuple):
    """What a package says about its recipe."""

    id: str
    name: str
    program: str
    """Path of the file with the commands."""
    commands: tuple[str, ...]
    """Its commands, in order; none for a visualization."""


class Words(NamedTuple):
    """The author's metadata of a result."""

    recipe: RecipeNote
    metadata: Metadata
    license: str
    """An SPDX id or a URL."""
    eml: str | None = None
    """The author's own EML, or None."""

    def to_json(self) -> str:
        """Return the JSON that is stored with the artifacts of a run."""
        return json.dumps(
            {
                "recipe": self.recipe._asdict(),
                "metadata": _plain(self.metadata),
                "license": self.license,
                "eml": self.eml,
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Words:
        """Read what `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        recipe = fields["recipe"] | {"commands": tuple(fields["recipe"]["commands"])}
        metadata = Metadata.of(fields["metadata"])
        return cls(RecipeNote(**recipe), metadata, fields["license"], fields["eml"])


def _plain(value: Any) -> Any:
    """Return a value with its named tuples converted to dictionaries."""
    if isinstance(value, tuple):
        if hasattr(value, "_asdict"):
            return {name: _plain(each) for name, each in value._asdict().items()}
        return [_plain(each) for each in value]
    return value
