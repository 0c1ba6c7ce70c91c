"""What a recipe says of its result as a data set, and what its author is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ogdc_shared.recipe.explain import explain
from ogdc_shared.recipe.metadata_advice import metadata_advice
from ogdc_shared.recipe.models import RecipeMeta
from ogdc_shared.recipe.orcid import read_orcid
from ogdc_shared.recipe.recipe import output_advice
from support.publications import METADATA, ORCID

RECIPE: dict[str, Any] = {
    "name": "Seal tags",
    "workflow": {"type": "shell"},
    "input": {"params": [{"type": "url", "value": "https://example.org/a"}]},
}


def read(**changed: Any) -> RecipeMeta:
    return RecipeMeta.model_validate(RECIPE | {"metadata": METADATA | changed})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"title": " "}, "metadata.title: ' ' is empty"),
        ({"abstract": "a\n\nb\x07"}, "metadata.abstract: 'a\\n\\nb\\x07' has the control character"),
        ({"creators": []}, "metadata.creators: a list is empty; give at least one person or organization."),
        ({"creators": "Ada"}, "metadata.creators[0]: 'Ada' is not a mapping"),
        ({"creators": [{"given_name": "Ada"}]}, "metadata.creators[0]: a mapping has no name"),
        (
            {"creators": [{"family_name": "L", "orcid": ORCID[:-1] + "8"}]},
            "is not an ORCID iD; give one such as",
        ),
        ({"contact": {"family_name": "L", "email": "at home"}}, "'at home' is not an e-mail address"),
        ({"licence": "CC0-1.0"}, "metadata.licence: unknown key"),
        ({"access": "secret"}, "metadata.access: 'secret' cannot be used; give 'public' or 'private'."),
        ({"temporal": {"begin": "2021-02-30"}}, "'2021-02-30' is not a year or day"),
        ({"temporal": {"begin": "2021-06", "end": 2022}}, "'2021-06' is not a year or day"),
        (
            {"temporal": {"begin": 2022, "end": "2021-12-31"}},
            "metadata.temporal.end: '2021-12-31' is before begin",
        ),
        (
            {"geographic": METADATA["geographic"] | {"west": 181}},
            "metadata.geographic.west: 181 cannot be used",
        ),
        ({"geographic": METADATA["geographic"] | {"north": 50}}, "50 is south of south (55)"),
        ({"geographic": METADATA["geographic"] | {"east": "E"}}, "'E' cannot be used; give a number."),
        ({"geographic": METADATA["geographic"] | {"east": True}}, "True is not a number"),
    ],
)
def test_invalid_metadata_are_reported_with_field_value_and_advice(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        read(**changed)
    [sentence] = explain(caught.value, file="meta.yml")
    assert message in sentence


def test_common_spellings_of_metadata_are_accepted() -> None:
    metadata = read(
        creators={"family_name": "L", "orcid": f"https://orcid.org/{ORCID}"}, keywords="ice"
    ).metadata
    assert metadata is not None
    assert metadata.owner == ORCID
    assert metadata.keywords == ("ice",)
    assert metadata.temporal is not None
    assert metadata.temporal.begin == "2021"


def test_a_year_may_end_in_the_year_that_a_day_began() -> None:
    assert read(temporal={"begin": "2021-06-30", "end": 2021}).metadata


def test_orcid_ids_are_read_with_their_check_character() -> None:
    assert read_orcid("0000-0002-1694-233X") == "0000-0002-1694-233X"
    assert read_orcid("0000-0002-1694-2330") is None
    assert read_orcid("https://orcid.org/0000-0002-1825-0097/") == ORCID
    assert read_orcid("ada") is None


def test_metadata_needed_for_publishing_are_reported() -> None:
    bare = {"title": "T", "abstract": "short", "creators": [{"family_name": "L"}]}
    found = list(metadata_advice(RecipeMeta.model_validate(RECIPE | {"metadata": bare})))
    message = (
        "output.license",
        "metadata.creators",
        "abstract: has 1 word;",
        "keywords",
        "geographic",
        "temporal",
    )
    assert len(found) == len(message)
    assert all(part in line for part, line in zip(message, found, strict=True))
    assert list(output_advice(RecipeMeta.model_validate(RECIPE | {"metadata": bare}))) == found
    assert list(metadata_advice(RecipeMeta.model_validate(RECIPE))) == []
