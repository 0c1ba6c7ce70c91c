"""What values of requests and answers look like, defined once for all that have one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta

from ogdc_shared import dns_label
from ogdc_shared.auth.permissions import Role
from ogdc_shared.outcomes import RunOutcome, StartOutcome, UploadOutcome
from ogdc_shared.outputs.output_type import OutputType
from ogdc_shared.phases import RUN_STATUSES

NAME = f"^{dns_label.PATTERN}$"
"""Of runs and triggers."""

# Texts of a few words are described, not checked: a command line shows also what a later service has to say.
RunStatus = Annotated[str, Meta(extra_json_schema={"enum": [*RUN_STATUSES]})]
OutputTypeName = Annotated[str, Meta(extra_json_schema={"enum": [*OutputType]})]
UploadOutcomeName = Annotated[
    str, Meta(extra_json_schema={"enum": [each for each in UploadOutcome if each is not UploadOutcome.KNOWN]})
]

RoleName = Annotated[str, Meta(extra_json_schema={"enum": [*Role]})]
"""Of an answer."""
GivenRole = Annotated[Role | None, Meta(description="That an admin gives; null: none.")]
Issuer = Annotated[
    str,
    Meta(
        description="Who vouches for the user: the URL of an OpenID Connect issuer, `ogdc` for users of this "
        "service's own, `open` for names that nobody vouches for."
    ),
]
Subject = Annotated[
    str,
    Meta(description="What the issuer calls the user, for ever.", min_length=1, max_length=255),
]
TokenName = Annotated[
    str, Meta(description="What the token is for.", examples=["laptop"], min_length=1, max_length=64)
]
UserId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Day = Annotated[date, Meta()]

RunId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Time = Annotated[datetime, Meta(tz=True)]
Name = Annotated[str, Meta(extra_json_schema={"pattern": NAME})]
RecipeId = Annotated[str, Meta(extra_json_schema={"pattern": "^[a-z0-9.-]+$", "maxLength": 63})]
Progress = Annotated[
    str, Meta(description="Done and in all, as `2/4`.", extra_json_schema={"pattern": r"^\d+/\d+$"})
]
Snapshot = Annotated[
    str,
    Meta(description="SHA-256 of the recipe as it was run.", extra_json_schema={"pattern": "^[0-9a-f]{64}$"}),
]
Count = Annotated[int, Meta(extra_json_schema={"minimum": 0})]
Bucket = Annotated[str, Meta(extra_json_schema={"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,221}$"})]
KeyPattern = Annotated[
    str,
    Meta(
        description="Of keys.",
        examples=["incoming/**/*.tif"],
        extra_json_schema={"minLength": 1, "maxLength": 512},
    ),
]
UploadKinds = Annotated[
    list[Annotated[str, Meta(extra_json_schema={"enum": ["put", "post", "copy", "multipart"]})]],
    Meta(description="How the object came to be; empty: however."),
]
BaseUrl = Annotated[
    Annotated[str, Meta(extra_json_schema={"pattern": "^https?://", "maxLength": 1024})] | None,
    Meta(description="Where objects are read: base_url/key."),
]
TriggerRecipe = Annotated[
    str | None, Meta(description="The recipe's location; null: the uploads are recipes.")
]
PassObject = Annotated[bool, Meta(description="Make the object an input of the run.")]

WebhookId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
HookUrl = Annotated[
    str,
    Meta(
        description="Where the end of a run is POSTed to.",
        examples=["https://example.org/hooks/ogdc"],
        max_length=2048,
        extra_json_schema={"pattern": "^https?://"},
    ),
]
RunOutcomeName = Annotated[str, Meta(extra_json_schema={"enum": [*RunOutcome]})]
HookRecipe = Annotated[
    Annotated[str, Meta(min_length=1, max_length=63)] | None,
    Meta(description="The id of the recipe whose runs are told of; null: of all."),
]
HookTrigger = Annotated[
    Annotated[str, Meta(min_length=1, max_length=63)] | None,
    Meta(description="The trigger whose runs are told of; null: of all runs."),
]

TriggerBucket = Annotated[Bucket | None, Meta(description="null: the trigger goes by the clock.")]
Schedule = Annotated[
    str | None,
    Meta(
        description="A cron expression of five fields; null: uploads start runs.",
        examples=["0 3 * * MON-FRI"],
        extra_json_schema={"maxLength": 128},
    ),
]
TimeZone = Annotated[
    str, Meta(description="Of the schedule, as in the IANA database.", examples=["America/Anchorage"])
]
_WATCHED = "^((git[+])?https?://|s3://|github://|dataone:)"
Watched = Annotated[
    list[Annotated[str, Meta(extra_json_schema={"pattern": _WATCHED, "maxLength": 1024})]],
    Meta(
        description="URLs, `s3://BUCKET/PREFIX`, `dataone:IDENTIFIER`, `github://OWNER:REPOSITORY@REF` "
        "or `git+https://HOST/PATH@REF`, of which one has to have changed since the last run; empty: it runs "
        "each time.",
        extra_json_schema={"maxItems": 100},
    ),
]
Queues = Annotated[
    bool, Meta(description="Whether a start waits for the trigger's run before; false: it is left out.")
]
StartOutcomeName = Annotated[str, Meta(extra_json_schema={"enum": [*StartOutcome]})]
