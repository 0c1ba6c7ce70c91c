"""The schema of dataset metadata in `meta.yml`, for publication.

The docstrings of models and the descriptions of fields are published in the JSON Schema (see `schema.py`).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ogdc_shared.recipe.field_types import Strict, Text, Url, plain_text
from ogdc_shared.recipe.orcid import owner_of, read_orcid
from ogdc_shared.recipe.prose import paragraphs

_DAY = r"\d{4}(-\d{2}-\d{2})?"
_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+")


def _prose(value: str) -> str:
    for paragraph in paragraphs(value) or [""]:
        plain_text(paragraph)
    return value


def _orcid(value: str) -> str:
    if (found := read_orcid(value)) is None:
        raise ValueError(
            "is not an ORCID iD; give one such as 0000-0002-1825-0097, each digit as in the profile."
        )
    return found


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(plain_text(value)):
        raise ValueError("is not an e-mail address; give one such as ada@example.org.")
    return value


def _day(value: object) -> str:
    text = "" if isinstance(value, bool) else str(value)
    try:
        if re.fullmatch(_DAY, text):
            date.fromisoformat(text if "-" in text else f"{text}-01-01")
            return text
    except ValueError:
        pass
    raise ValueError("is not a year or day; give one such as 2021 or 2021-06-30.")


def _degrees(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("is not a number; give degrees, such as -156.5.")  # noqa: TRY004  pydantic collects these
    return value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


def _some(value: tuple[Party, ...]) -> tuple[Party, ...]:
    if not value:
        raise ValueError("is empty; give at least one person or organization.")
    return value


Prose = Annotated[str, AfterValidator(_prose)]
Orcid = Annotated[str, AfterValidator(_orcid)]
Email = Annotated[str, AfterValidator(_email)]
Day = Annotated[
    str, BeforeValidator(_day), WithJsonSchema({"type": ["string", "integer"], "pattern": f"^{_DAY}$"})
]
Longitude = Annotated[float, Field(ge=-180, le=180), BeforeValidator(_degrees)]
Latitude = Annotated[float, Field(ge=-90, le=90), BeforeValidator(_degrees)]


class Party(Strict):
    """A person, by `family_name`, or an organization."""

    given_name: Text | None = None
    family_name: Text | None = None
    orcid: Orcid | None = Field(default=None, description="ORCID iD, bare or as a URL.")
    email: Email | None = None
    organization: Text | None = Field(
        default=None, description="That a person belongs to; without a person, the party itself."
    )

    @model_validator(mode="after")
    def _be_somebody(self) -> Party:
        if self.family_name is None and self.organization is None:
            raise ValueError("has no name; give family_name or organization.")
        return self


class Geographic(Strict):
    """Where the data are: a box in degrees, WGS 84."""

    description: Text = Field(description="The place in words, such as North Slope, Alaska.")
    west: Longitude = Field(description="Degrees; more than `east` where the box crosses 180°.")
    east: Longitude
    south: Latitude
    north: Latitude

    @field_validator("north")
    @classmethod
    def _be_north(cls, value: float, info: ValidationInfo) -> float:
        if value < info.data.get("south", -90.0):
            raise ValueError(f"is south of south ({info.data['south']:g}); exchange the two.")
        return value


class Temporal(Strict):
    """When what the data show was so: a day or a year, or the time from one to another."""

    begin: Day = Field(description="A year or a day, such as 2021-06-30.")
    end: Day | None = None

    @field_validator("end")
    @classmethod
    def _be_later(cls, value: str | None, info: ValidationInfo) -> str | None:
        begin = info.data.get("begin", "")
        if value is not None and value < begin[: len(value)]:
            raise ValueError(f"is before begin ({begin}); exchange the two.")
        return value

    @property
    def period(self) -> tuple[str, str]:
        """Its first and last second in UTC, in ISO 8601; a day or year counts as a whole."""
        begin, end = self.begin, self.end or self.begin
        first = begin if "-" in begin else f"{begin}-01-01"
        last = end if "-" in end else f"{end}-12-31"
        return f"{first}T00:00:00Z", f"{last}T23:59:59Z"


class Award(Strict):
    """What paid for the work."""

    funder: Text = Field(description="Such as National Science Foundation.")
    title: Text
    number: Text | None = None
    url: Url | None = None


def _title_or_eml(schema: dict[str, Any]) -> None:
    """Extend the JSON Schema: a file of metadata replaces the required keys."""
    schema["anyOf"] = [{"required": schema.pop("required")}, {"required": ["eml"]}]


class Metadata(Strict):
    """The result as a data set that others find and cite; `ogdc-runner publish` takes it."""

    model_config = ConfigDict(json_schema_extra=_title_or_eml)

    eml: Text | None = Field(
        default=None,
        description="A file of the recipe with metadata in EML 2.2.0, which publishing completes; it stands "
        "for `title`, `abstract` and `creators`.",
    )
    title: Text = Field(description="What, where and when, in one line.")
    abstract: Prose = Field(description="What the data are; blank lines part paragraphs.")
    creators: Annotated[tuple[Party, ...], BeforeValidator(_as_list), AfterValidator(_some)] = Field(
        description="Who made the data, in the order to cite.", json_schema_extra={"minItems": 1}
    )
    contact: Party | None = Field(default=None, description="Whom to ask; none: the first creator.")
    keywords: Annotated[tuple[Text, ...], BeforeValidator(_as_list)] = ()
    geographic: Geographic | None = None
    temporal: Temporal | None = None
    awards: Annotated[tuple[Award, ...], BeforeValidator(_as_list)] = ()
    methods: Prose | None = Field(
        default=None,
        description="How the data were made. The recipe's commands are included anyway.",
    )
    access: Literal["public", "private"] = Field(
        default="public", description="Who may read the data set: everybody, or its rights holder alone."
    )
    rights_holder: Orcid | None = Field(
        default=None, description="ORCID iD of whose the data set is; none: the first creator that has one."
    )
    identifier: Literal["uuid", "doi"] = Field(
        default="uuid",
        description="What each version is cited by; a DOI is minted by the node, where that does so.",
    )

    @property
    def owner(self) -> str | None:
        """ORCID iD of the rights holder, or None if nobody has one."""
        return owner_of(self.rights_holder, (creator.orcid for creator in self.creators))
